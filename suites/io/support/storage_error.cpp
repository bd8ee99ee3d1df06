#include "suites/io/support/storage_error.h"

#include <cerrno>
#include <system_error>

namespace assay::bench {

namespace {

const char* what_to_do(int number) {
  switch (number) {
    case ENOSPC:
      return "free some space, or ask for fewer bytes or ranks";
    case EDQUOT:
      return "your quota on this file system is used up: ask for a larger one, or for fewer bytes";
    case EROFS:
      return "the file system is mounted read-only: name a folder on one that can be written";
    case ENOENT:
      return "create the folder on every node, or name another one";
    case ENOTDIR:
      return "name a folder; a file is in its place";
    case EEXIST:
      return "a file of this name is in the way and is not ours to remove: move it, or name another folder";
    case EACCES:
    case EPERM:
      return "name a folder that this user may write to";
    case EFBIG:
      return "files may not grow so large here (see ulimit -f, and the file system's own limit)";
    case EINVAL:
      return "the file system may not know O_DIRECT or wants another alignment: try direct=false or "
             "block=1MiB";
    case EMFILE:
    case ENFILE:
      return "too many files are open (see ulimit -n)";
    case EIO:
    case EREMOTEIO:
    case ESTALE:
      return "the storage itself failed: look at the kernel's log (dmesg) and at the file server";
    default:
      return "";
  }
}

}  // namespace

Error storage_error(const std::string& action, const std::filesystem::path& path, int number) {
  return {ExitStatus::cannot_run, "cannot " + action + ": " + std::generic_category().message(number),
          what_to_do(number), Location{path.string()}};
}

}  // namespace assay::bench
