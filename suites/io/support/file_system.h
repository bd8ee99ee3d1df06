// Which file system a folder is on, whether it is storage at all, and how much room it has.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace assay::bench {

struct FileSystem {
  std::string type;         ///< as the kernel names it: "ext4", "lustre"; "magic 0x..." where it is not known
  std::string device;       ///< "/dev/vda", "10.0.0.1@o2ib:/scratch"; empty: not known
  std::string mount_point;  ///< empty: not known
  /// Why this is memory and no storage ("tmpfs keeps its files in memory"); empty: nothing says that it is.
  std::string in_memory;
  std::uint64_t free_bytes = 0;  ///< for users other than root
  std::uint64_t total_bytes = 0;
  std::uint64_t free_files = 0;   ///< inodes
  std::uint64_t total_files = 0;  ///< 0: the file system does not count them
};

/// One line of /proc/self/mountinfo (proc(5)).
struct Mount {
  std::string mount_point;
  std::string type;
  std::string device;
  std::string options;  ///< those of the file system: "rw,upperdir=/x"
};

/// The mount that holds `absolute` (links resolved), from the text of a mountinfo file: the longest mount
/// point that is a prefix of it, and of equal ones the last, which covers the others. Empty type: none.
Mount mount_of(std::string_view mountinfo, const std::string& absolute);

/// Throws Error(cannot_run) when the folder is missing, no folder, or cannot be examined.
FileSystem file_system_of(const std::filesystem::path& folder);

/// "ext4 on /dev/vda"
std::string text_of(const FileSystem& file_system);

}  // namespace assay::bench
