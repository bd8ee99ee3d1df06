// Where a storage benchmark works: one new folder below the one that the user named, with everything in it
// made, known and removed by us. Nothing else is ever removed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reports/record/catalogue.h"
#include "suites/harness/benchmark.h"
#include "suites/io/support/file_system.h"
#include "suites/io/support/open_file.h"

namespace assay::bench {

/// The text parameter `storage` that every storage benchmark has.
ParameterSpec storage_parameter();

/// For Benchmark::unsupported: empty when the context names a folder for this storage, else the reason.
std::string storage_unsupported(const Context& context, const std::string& storage);

class Workspace {
 public:
  /// What this rank is going to write at most.
  struct Need {
    std::uint64_t bytes = 0;
    std::uint64_t files = 1;
  };
  struct Options {
    /// All nodes must see the same files. Otherwise a local file system serves too, each node with its own.
    bool shared = true;
    double visible_within_s = 30;  ///< until the folder that rank 0 made is seen by the others
    /// Instead of what the file system says, for tests.
    std::optional<std::uint64_t> free_bytes, free_files;
  };

  /// Collective. Finds the folder, its file system and the free space, and makes one new folder of a unique
  /// name on which all ranks agree. Free space must hold what all ranks that share the file system need and a
  /// reserve (16 MiB and a sixty-fourth of the need); likewise the inodes. Throws the same Error on every
  /// rank when anything is wrong on one; whatever was made by then is removed.
  Workspace(const Context& context, const std::string& storage, Need need, const Options& options);
  Workspace(const Context& context, const std::string& storage, Need need)
      : Workspace(context, storage, need, Options{}) {}
  /// As clear(). Not collective, so that it may run while an exception flies.
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  /// The new folder.
  const std::filesystem::path& folder() const { return folder_; }
  /// A number that no other workspace has, the same on every rank: for Pattern.
  std::uint64_t identity() const;
  const FileSystem& file_system() const { return file_system_; }
  /// True when all nodes see the same files (always with one node).
  bool shared() const { return shared_; }

  /// Names a file in the folder ("rank-3") that this rank is about to make by means of its own, and returns
  /// where it is. Cheap: to be called before the timed part.
  std::filesystem::path claim(const std::string& name);
  /// Makes a folder in the folder (its parent exists), empty; this rank's to remove.
  std::filesystem::path make_folder(const std::string& name);
  /// Names a folder that is made by means of one's own, or by another rank. Every rank that puts files into a
  /// folder claims it, so that the last one to be done removes it.
  std::filesystem::path claim_folder(const std::string& name);
  /// Makes a new file and opens it: `flags` as for open(2), O_CREAT and O_EXCL are added. Throws Error.
  OpenFile create_file(const std::string& name, int flags);
  /// Opens a file of the folder that exists. Throws Error.
  OpenFile open_file(const std::string& name, int flags) const;
  /// Removes claimed files now, if they are there (between passes); the claims stay.
  void remove_files() noexcept;

  /// Removes what this rank made, then the folder, which succeeds on the last rank to get there. A file that
  /// is none of ours stays, and so does the folder around it. Call it before throwing where ranks may be
  /// ended.
  void clear() noexcept;

  /// What the record's path says of it: "file_system": "ext4 on /dev/vda"; "invalid" when it is memory.
  std::map<std::string, std::string> path() const;

 private:
  void make_folder_everywhere(const ProcessGroup& group, const Options& options);
  void check_space(const ProcessGroup& group, Need need, const Options& options) const;

  std::filesystem::path parent_;
  std::filesystem::path folder_;
  FileSystem file_system_;
  bool shared_ = true;
  bool ours_ = false;                 ///< the folder was made by this group
  std::vector<std::string> files_;    ///< relative to the folder
  std::vector<std::string> folders_;  ///< in the order of making
};

}  // namespace assay::bench
