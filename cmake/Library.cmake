# unionroot_library(NAME SOURCES... USES targets...): one static library for one folder. A folder's
# headers are included as "<folder>/<header>.h", and only the folders named in USES are on its path.
function(unionroot_library name)
  cmake_parse_arguments(ARG "" "ROOT" "SOURCES;USES;LINK" ${ARGN})
  add_library(unionroot_${name} STATIC ${ARG_SOURCES})
  if(NOT ARG_ROOT)
    set(ARG_ROOT ${PROJECT_SOURCE_DIR}/lib)
  endif()
  # A symlink farm of one: the include root holds this folder and no other.
  set(include_root ${CMAKE_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${include_root})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${include_root}/${name} SYMBOLIC)
  target_include_directories(unionroot_${name} PUBLIC ${include_root})
  foreach(used IN LISTS ARG_USES)
    target_link_libraries(unionroot_${name} PUBLIC unionroot_${used})
  endforeach()
  target_link_libraries(unionroot_${name} PUBLIC ${ARG_LINK} PRIVATE unionroot_flags)
endfunction()
