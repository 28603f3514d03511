# The front end takes schroot's name, so it is installed only where that is wanted: it must not stand beside the real one.
# What it consists of is a component of its own, which `cmake --install BUILD --component schroot` installs.
set(UNIONROOT_FRONT_END COMPONENT schroot)
if(NOT UNIONROOT_SCHROOT)
  list(APPEND UNIONROOT_FRONT_END EXCLUDE_FROM_ALL)
endif()

# unionroot_install_link(TARGET NAME FOLDER): a symbolic link of the front end's.
function(unionroot_install_link target name folder)
  set(links ${CMAKE_CURRENT_BINARY_DIR}/links)
  file(MAKE_DIRECTORY ${links})
  file(CREATE_LINK ${target} ${links}/${name} SYMBOLIC)
  install(FILES ${links}/${name} DESTINATION ${folder} ${UNIONROOT_FRONT_END})
endfunction()
