# Some files count only in places of the machine's that no prefix changes: the bus's policy, polkit's actions, the hooks of
# initrds, the default configuration. They go there with the prefix /usr or /usr/local, which is the machine's own. Any other
# prefix is kept to, also one given by `cmake --install --prefix`: nothing is written outside of it, and who uses such an
# installation links these files or copies them.
string(JOIN "\n" UNIONROOT_PLACE_OF
  "function(unionroot_place result there below)"
  "  set(\${result} \"\${CMAKE_INSTALL_PREFIX}/\${below}\" PARENT_SCOPE)"
  "  if(CMAKE_INSTALL_PREFIX MATCHES \"^/usr(/local)?/*$\")"
  "    set(\${result} \"\${there}\" PARENT_SCOPE)"
  "  endif()"
  "endfunction()")

# unionroot_install_in_place(THERE BELOW [PROGRAM] [NAME AS] FILE...): files into the folder THERE, or PREFIX/BELOW.
# AS: another name for the one file.
function(unionroot_install_in_place there below)
  cmake_parse_arguments(PARSE_ARGV 2 given "PROGRAM" "NAME" "")
  set(type FILE)
  if(given_PROGRAM)
    set(type PROGRAM)
  endif()
  set(rename "")
  if(given_NAME)
    set(rename "RENAME \"${given_NAME}\"")
  endif()
  foreach(file IN LISTS given_UNPARSED_ARGUMENTS)
    cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    install(CODE "
${UNIONROOT_PLACE_OF}
unionroot_place(place \"${there}\" \"${below}\")
file(INSTALL DESTINATION \"\${place}\" TYPE ${type} ${rename} FILES \"${file}\")")
  endforeach()
endfunction()
