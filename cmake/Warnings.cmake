# Warnings and hardening, for our own targets alone.
add_library(unionroot_flags INTERFACE)
target_compile_options(unionroot_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wno-psabi
  # gcc 12 takes std::string's operator+ for overlapping copies when it optimises (its bug 105651).
  -Wno-restrict
  $<$<BOOL:${UNIONROOT_WERROR}>:-Werror>
  -fstack-protector-strong -fPIE)
target_compile_definitions(unionroot_flags INTERFACE
  _GNU_SOURCE
  UNIONROOT_VERSION="${PROJECT_VERSION}"
  $<$<BOOL:${UNIONROOT_FAULT_POINTS}>:UNIONROOT_FAULT_POINTS=1>
  $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
target_link_options(unionroot_flags INTERFACE -pie -Wl,-z,relro,-z,now)
