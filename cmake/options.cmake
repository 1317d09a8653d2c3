# Compiler options every target of ours gets through faultline_options.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# For everything, generated code included: a double-rounding fused multiply-add would make state
# depend on the compiler, and replay must be equal bit for bit.
add_compile_options(-ffp-contract=off -fno-omit-frame-pointer)
if(FAULTLINE_SANITIZE)
  add_compile_options(-fsanitize=${FAULTLINE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${FAULTLINE_SANITIZE})
  # GCC 12 sees ghosts in <regex> and std::function once they are instrumented.
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
  if(FAULTLINE_SANITIZE MATCHES thread)
    # Protobuf's headers give maps one member more under it, which the installed library has not.
    add_compile_options(-U__SANITIZE_THREAD__)
  endif()
endif()

# By default GCC collects its garbage from 128 MiB on, again and again: a sixth of its time. Most
# sources are compiled before they need 512 MiB.
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  add_compile_options(--param=ggc-min-heapsize=524288)
endif()

if(FAULTLINE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

add_library(faultline_options INTERFACE)
target_compile_options(faultline_options INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -fstack-protector-strong)
target_compile_definitions(faultline_options INTERFACE _GLIBCXX_ASSERTIONS)
target_include_directories(faultline_options INTERFACE ${PROJECT_SOURCE_DIR})
