# Most of a build's time is spent on parsing the same headers, so they are parsed once. A source
# still includes what it uses; -DFAULTLINE_PRECOMPILE=OFF builds without, and clang-tidy does.
# Figures: docs/decisions/cost_of_a_cold_build.md.
option(FAULTLINE_PRECOMPILE "Parse the headers that most sources use once" ON)

# A target whose precompiled headers others use; position-independent and with the same flags.
function(faultline_precompiled name kind header)
  if(FAULTLINE_PRECOMPILE)
    if(kind STREQUAL LIBRARY)
      add_library(${name} STATIC ${PROJECT_SOURCE_DIR}/cmake/precompiled/nothing.cc)
    else()
      add_executable(${name} ${PROJECT_SOURCE_DIR}/cmake/precompiled/nothing.cc)
    endif()
    target_link_libraries(${name} PRIVATE faultline_options ${ARGN})
    target_precompile_headers(${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/precompiled/${header})
  endif()
endfunction()

# take_precompiled(NAME TARGET...): the targets use NAME's precompiled headers.
function(take_precompiled name)
  if(FAULTLINE_PRECOMPILE)
    foreach(target IN LISTS ARGN)
      target_precompile_headers(${target} REUSE_FROM ${name})
    endforeach()
  endif()
endfunction()

# ccache caches sources with precompiled headers only with these settings.
if(FAULTLINE_PRECOMPILE AND CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${CCACHE})
endif()
if(FAULTLINE_PRECOMPILE AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  add_compile_options(-fpch-preprocess)
endif()

# GCC 12 warns without cause about std::string once its header is precompiled.
if(FAULTLINE_PRECOMPILE AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  target_compile_options(faultline_options INTERFACE
    -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread)
endif()

# quick_to_compile(TARGET...): for code whose run time does not matter. (-O0 would be slower, as it
# cannot use the precompiled headers.)
function(quick_to_compile)
  foreach(target IN LISTS ARGN)
    target_compile_options(${target} PRIVATE -O1)
  endforeach()
endfunction()
