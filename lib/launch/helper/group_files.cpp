#include "launch/helper/group_files.h"

namespace unionroot::helper {

bool read_group_file(int folder, const char* name, char* text, size_t size) {
  const int file = openat(folder, name, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t length = read(file, text, size - 1);
  close(file);
  text[length > 0 ? length : 0] = '\0';
  return length > 0;
}

}  // namespace unionroot::helper
