# Most of a build's time is the reading of the same headers, so they are read once. What a source
# uses it still includes; -DFAULTLINE_PRECOMPILE=OFF builds without, and clang-tidy reads without.
option(FAULTLINE_PRECOMPILE "Read the headers that most sources use once" ON)

# A target that holds what others take: position-independent as they are, with their flags.
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

# take_precompiled(NAME TARGET...): the targets read NAME's headers before their own.
function(take_precompiled name)
  if(FAULTLINE_PRECOMPILE)
    foreach(target IN LISTS ARGN)
      target_precompile_headers(${target} REUSE_FROM ${name})
    endforeach()
  endif()
endfunction()

# Without it ccache cannot tell which sources took which headers, and keeps none of them.
if(FAULTLINE_PRECOMPILE AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  add_compile_options(-fpch-preprocess)
endif()

# GCC 12 sees ghosts in std::string once its header is precompiled.
if(FAULTLINE_PRECOMPILE AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  target_compile_options(faultline_options INTERFACE
    -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread)
endif()

# quick_to_compile(TARGET...): not where time is spent at run time, so less of it is spent here.
# (-O0 would be slower: it cannot take the headers precompiled.)
function(quick_to_compile)
  foreach(target IN LISTS ARGN)
    target_compile_options(${target} PRIVATE -O1)
  endforeach()
endfunction()
