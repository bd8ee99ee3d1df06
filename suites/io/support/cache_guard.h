// The page cache must not be mistaken for storage: drops a file's pages before it is read, and looks before
// and after whether they are there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "suites/harness/process_group.h"
#include "suites/io/support/workspace.h"

namespace assay::bench {

struct FileRange {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

class CacheGuard {
 public:
  /// `direct`: the reads go past the page cache (O_DIRECT), so that nothing may be there afterwards either.
  explicit CacheGuard(bool direct) : direct_(direct) {}

  /// Drops the file's pages on this node and notes which share of the range stayed. Throws Error.
  void before(const Workspace& workspace, const std::string& name, FileRange range);
  /// Notes which share is there after the read.
  void after(const Workspace& workspace, const std::string& name, FileRange range);
  /// The worst of all ranks, on all ranks; after the last note.
  void agree(const ProcessGroup& group);

  /// Why what was read says nothing of the storage; empty: nothing says so. For tests also by shares.
  std::string invalid() const;
  static std::string why_invalid(bool direct, std::optional<double> before, std::optional<double> after);

  /// Adds the reason to "invalid" of a record's path.
  void add_to(std::map<std::string, std::string>& path) const;
  /// resident_before_read, resident_after_read: the largest shares.
  void add_to(std::map<std::string, double>& metrics) const;

 private:
  /// The largest share noted; once one could not be told it stays unknown.
  struct Worst {
    bool noted = false;
    bool unknown = false;
    double share = 0;
    void note(std::optional<double> seen);
    void agree(const ProcessGroup& group);
    std::optional<double> value() const;
  };

  bool direct_;
  Worst before_;
  Worst after_;
};

}  // namespace assay::bench
