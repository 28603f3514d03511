// Tells which machine a program is for, by the first bytes of its file (elf(5)). Uses no library, because
// unionroot-helper includes it too.
#pragma once

#include <elf.h>
#include <stddef.h>  // NOLINT(modernize-deprecated-headers)

namespace unionroot::base {

struct ElfMachine {
  unsigned machine = EM_NONE;         // EM_*
  unsigned char word = ELFCLASSNONE;  // ELFCLASS32 or ELFCLASS64
  unsigned char order = ELFDATANONE;  // ELFDATA2LSB or ELFDATA2MSB

  constexpr bool operator==(const ElfMachine&) const = default;
};

// Size of the part of an ELF header that is read: up to and including e_machine.
inline constexpr size_t elf_machine_size = 20;

// Returns the machine of a file that begins with these bytes. EM_NONE: not an ELF file, or a broken one.
constexpr ElfMachine elf_machine(const char* start, size_t size) {
  if (size < elf_machine_size) return {};
  const auto byte = [start](size_t at) { return static_cast<unsigned char>(start[at]); };
  if (byte(0) != ELFMAG0 || byte(1) != 'E' || byte(2) != 'L' || byte(3) != 'F') return {};
  const unsigned char word = byte(EI_CLASS), order = byte(EI_DATA);
  if ((word != ELFCLASS32 && word != ELFCLASS64) || (order != ELFDATA2LSB && order != ELFDATA2MSB)) return {};
  const unsigned low = byte(order == ELFDATA2LSB ? 18 : 19), high = byte(order == ELFDATA2LSB ? 19 : 18);
  return {high << 8 | low, word, order};
}

// The machine that this program was built for; EM_NONE if it is not in the list.
constexpr ElfMachine own_machine() {
  constexpr unsigned char order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
  constexpr unsigned char word = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
#if defined(__x86_64__)
  return {EM_X86_64, word, order};
#elif defined(__i386__)
  return {EM_386, word, order};
#elif defined(__aarch64__)
  return {EM_AARCH64, word, order};
#elif defined(__arm__)
  return {EM_ARM, word, order};
#elif defined(__riscv)
  return {EM_RISCV, word, order};
#elif defined(__powerpc64__)
  return {EM_PPC64, word, order};
#elif defined(__s390x__)
  return {EM_S390, word, order};
#elif defined(__mips__)
  return {EM_MIPS, word, order};
#elif defined(__loongarch__)
  return {258, word, order};  // EM_LOONGARCH, newer than glibc 2.36's elf.h
#else
  return {EM_NONE, word, order};
#endif
}

// True if a machine of the kind `own` runs the program natively: its own kind, or the 32-bit variant of a 64-bit
// machine. Also true if either machine is unknown.
constexpr bool runs_on(const ElfMachine& program, const ElfMachine& own) {
  if (program.machine == EM_NONE || own.machine == EM_NONE) return true;
  if (program.order != own.order) return false;
  if (program.machine == own.machine) return program.word <= own.word;
  switch (own.machine) {
    case EM_X86_64: return program.machine == EM_386;
    case EM_AARCH64: return program.machine == EM_ARM && own.word == ELFCLASS64;
    case EM_PPC64: return program.machine == EM_PPC;
    default: return false;
  }
}

// Debian's name for the architecture; nullptr if none is known here.
constexpr const char* architecture_name(const ElfMachine& machine) {
  const bool little = machine.order == ELFDATA2LSB, wide = machine.word == ELFCLASS64;
  switch (machine.machine) {
    case EM_386: return "i386";
    case EM_X86_64: return wide ? "amd64" : "x32";
    case EM_ARM: return "arm (armhf or armel)";
    case EM_AARCH64: return "arm64";
    case EM_RISCV: return wide ? "riscv64" : "riscv32";
    case EM_PPC64: return little ? "ppc64el" : "ppc64";
    case EM_PPC: return "powerpc";
    case EM_S390: return wide ? "s390x" : "s390";
    case EM_MIPS: return wide ? (little ? "mips64el" : "mips64") : (little ? "mipsel" : "mips");
    case EM_SPARCV9: return "sparc64";
    case EM_ALPHA: return "alpha";
    case EM_68K: return "m68k";
    case EM_PARISC: return "hppa";
    case EM_SH: return "sh4";
    case EM_IA_64: return "ia64";
    case 258: return "loong64";
    default: return nullptr;
  }
}

}  // namespace unionroot::base
