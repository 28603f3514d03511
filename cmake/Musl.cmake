# unionroot_link_with_musl(TARGET): compiles and links a program with musl, statically, whatever C library the rest is
# built for. It has the headers of C and of the kernel, and none of C++: Debian has no C++ library for musl.
#
# Not position-independent: relocating itself would take the program longer than all else that it does at its start.

# Debian has musl under its triplet (musl-dev), other distributions in /usr/lib/musl, Alpine as the system's own.
string(REGEX REPLACE "-gnu([a-z0-9]*)$" "-musl\\1" triplet "${CMAKE_CXX_LIBRARY_ARCHITECTURE}")
find_path(UNIONROOT_MUSL_INCLUDE bits/alltypes.h
  PATHS /usr/include/${triplet} /usr/lib/musl/include /usr/${triplet}/include /usr/include NO_DEFAULT_PATH
  DOC "The folder of musl's headers")
foreach(folder "/usr/lib/${triplet}" /usr/lib/musl/lib "/usr/${triplet}/lib" /usr/lib)
  if(NOT UNIONROOT_MUSL_LIBRARY AND EXISTS ${folder}/libc.a AND EXISTS ${folder}/rcrt1.o)  # glibc has no rcrt1.o there
    set(UNIONROOT_MUSL_LIBRARY ${folder} CACHE PATH "The folder of musl's libc.a and crt1.o")
  endif()
endforeach()
# The kernel's own: <linux/...> and <asm/...>.
find_path(UNIONROOT_LINUX_HEADERS linux/openat2.h DOC "The folder of the kernel's headers: linux/openat2.h")
find_path(UNIONROOT_ASM_HEADERS asm/unistd.h DOC "The folder of the kernel's headers: asm/unistd.h")
if(NOT UNIONROOT_MUSL_INCLUDE OR NOT UNIONROOT_MUSL_LIBRARY)
  message(FATAL_ERROR "musl is missing (musl-dev in Debian): unionroot-helper is linked with it, statically.\n"
    "Install it (apt-get install musl-dev), or set UNIONROOT_MUSL_INCLUDE and UNIONROOT_MUSL_LIBRARY to its folders.")
endif()
if(NOT UNIONROOT_LINUX_HEADERS OR NOT UNIONROOT_ASM_HEADERS)
  message(FATAL_ERROR "The kernel's headers are missing (linux-libc-dev in Debian); they must be of Linux 5.6 or later.")
endif()

# Beside the headers of another C library, these must be found without the others.
set(UNIONROOT_KERNEL_HEADERS ${CMAKE_BINARY_DIR}/include/linux-headers)
file(MAKE_DIRECTORY ${UNIONROOT_KERNEL_HEADERS})
foreach(folder linux asm-generic)
  file(CREATE_LINK ${UNIONROOT_LINUX_HEADERS}/${folder} ${UNIONROOT_KERNEL_HEADERS}/${folder} SYMBOLIC)
endforeach()
file(CREATE_LINK ${UNIONROOT_ASM_HEADERS}/asm ${UNIONROOT_KERNEL_HEADERS}/asm SYMBOLIC)

execute_process(COMMAND ${CMAKE_C_COMPILER} -print-libgcc-file-name OUTPUT_VARIABLE UNIONROOT_LIBGCC
  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)

function(unionroot_link_with_musl target)
  target_compile_options(${target} PRIVATE -nostdinc -nostdinc++ -fno-pie
    "SHELL:-isystem ${UNIONROOT_MUSL_INCLUDE}" "SHELL:-isystem ${UNIONROOT_KERNEL_HEADERS}")
  # With the C compiler, which also keeps sanitizers and coverage (set for C++) out of it.
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C POSITION_INDEPENDENT_CODE OFF)
  target_link_options(${target} PRIVATE -static -nostdlib -no-pie -Wl,-z,relro,-z,now,-z,noexecstack)
  target_link_libraries(${target} PRIVATE
    ${UNIONROOT_MUSL_LIBRARY}/crt1.o ${UNIONROOT_MUSL_LIBRARY}/crti.o ${UNIONROOT_MUSL_LIBRARY}/libc.a
    ${UNIONROOT_LIBGCC} ${UNIONROOT_MUSL_LIBRARY}/crtn.o)
endfunction()
