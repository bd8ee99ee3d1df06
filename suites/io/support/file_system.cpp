#include "suites/io/support/file_system.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

#include "suites/io/support/storage_error.h"

namespace assay::bench {

namespace {

struct Magic {
  std::uint32_t number;
  const char* type;
};

/// Those that linux/magic.h knows and those of parallel file systems (from their own headers).
constexpr std::array<Magic, 19> magics{{
    {EXT4_SUPER_MAGIC, "ext4"},
    {XFS_SUPER_MAGIC, "xfs"},
    {BTRFS_SUPER_MAGIC, "btrfs"},
    {TMPFS_MAGIC, "tmpfs"},
    {RAMFS_MAGIC, "ramfs"},
    {HUGETLBFS_MAGIC, "hugetlbfs"},
    {NFS_SUPER_MAGIC, "nfs"},
    {OVERLAYFS_SUPER_MAGIC, "overlay"},
    {FUSE_SUPER_MAGIC, "fuse"},
    {0x0BD00BD0, "lustre"},
    {0x47504653, "gpfs"},
    {0x19830326, "beegfs"},
    {0x00C36400, "ceph"},
    {0x2FC12FC1, "zfs"},
    {0xF2F52010, "f2fs"},
    {0xFF534D42, "cifs"},
    {0x01021997, "9p"},
    {0x61756673, "aufs"},
    {0x4006, "vfat"},
}};

std::string type_of_magic(std::uint32_t number) {
  for (const Magic& magic : magics) {
    if (magic.number == number) return magic.type;
  }
  char text[24];
  std::snprintf(text, sizeof text, "magic 0x%x", number);
  return text;
}

/// mountinfo writes blanks and the like as three octal digits: "\040".
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

bool holds(const std::string& mount_point, const std::string& path) {
  if (mount_point == "/") return true;
  return path.starts_with(mount_point) &&
         (path.size() == mount_point.size() || path[mount_point.size()] == '/');
}

std::uint32_t magic_of(const std::string& path) {
  struct statfs answer {};
  return statfs(path.c_str(), &answer) == 0 ? static_cast<std::uint32_t>(answer.f_type) : 0;
}

bool memory_magic(std::uint32_t number) {
  return number == TMPFS_MAGIC || number == RAMFS_MAGIC || number == HUGETLBFS_MAGIC;
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string why_in_memory(const Mount& mount, std::uint32_t magic) {
  if (memory_magic(magic)) return type_of_magic(magic) + " keeps its files in memory";
  if (mount.device.starts_with("/dev/ram") || mount.device.starts_with("/dev/zram")) {
    return mount.device + " is a disk in memory";
  }
  constexpr std::string_view upper = "upperdir=";
  if (const auto at = mount.options.find(upper); mount.type == "overlay" && at != std::string::npos) {
    const auto begin = at + upper.size();
    const std::string folder = mount.options.substr(begin, mount.options.find(',', begin) - begin);
    // The folder's name is that of the mount namespace in which the overlay was made; elsewhere it says
    // nothing.
    if (memory_magic(magic_of(folder))) return "the overlay keeps what is written in memory (" + folder + ")";
  }
  if (mount.device.starts_with("/dev/loop")) {
    const std::string backing = first_line("/sys/block" + mount.device.substr(4) + "/loop/backing_file");
    if (!backing.empty() && memory_magic(magic_of(backing))) {
      return mount.device + " is a file in memory (" + backing + ")";
    }
  }
  return {};
}

}  // namespace

Mount mount_of(std::string_view mountinfo, const std::string& absolute) {
  Mount best;
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    // ID PARENT MAJOR:MINOR ROOT MOUNT_POINT OPTIONS [TAG...] - TYPE DEVICE SUPER_OPTIONS
    std::istringstream words(line);
    const std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
    std::size_t dash = 6;
    while (dash < fields.size() && fields[dash] != "-") ++dash;
    if (dash + 2 >= fields.size()) continue;
    const std::string mount_point = unescaped(fields[4]);
    if (!holds(mount_point, absolute) || mount_point.size() < best.mount_point.size()) continue;
    best = {mount_point, fields[dash + 1], unescaped(fields[dash + 2]),
            dash + 3 < fields.size() ? unescaped(fields[dash + 3]) : ""};
  }
  return best;
}

FileSystem file_system_of(const std::filesystem::path& folder) {
  struct stat status {};
  if (stat(folder.c_str(), &status) != 0) throw storage_error("use this folder", folder, errno);
  if (!S_ISDIR(status.st_mode)) throw storage_error("use this folder", folder, ENOTDIR);
  struct statvfs space {};
  if (statvfs(folder.c_str(), &space) != 0) throw storage_error("ask for the free space", folder, errno);
  std::error_code failure;
  const std::filesystem::path absolute = std::filesystem::canonical(folder, failure);
  std::ifstream file("/proc/self/mountinfo");
  const std::string mountinfo{std::istreambuf_iterator<char>(file), {}};
  const Mount mount = mount_of(mountinfo, failure ? folder.string() : absolute.string());
  const std::uint32_t magic = magic_of(folder.string());

  FileSystem answer;
  answer.type = mount.type.empty() ? type_of_magic(magic) : mount.type;
  answer.device = mount.device;
  answer.mount_point = mount.mount_point;
  answer.in_memory = why_in_memory(mount, magic);
  answer.free_bytes = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
  answer.total_bytes = static_cast<std::uint64_t>(space.f_blocks) * space.f_frsize;
  answer.free_files = space.f_favail;
  answer.total_files = space.f_files;
  return answer;
}

std::string text_of(const FileSystem& file_system) {
  return file_system.type + (file_system.device.empty() ? "" : " on " + file_system.device);
}

}  // namespace assay::bench
