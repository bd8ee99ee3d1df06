// How blocks get into files and out of them again: an engine under way on one file, or MPI-IO.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "suites/harness/process_group.h"
#include "suites/io/support/workspace.h"

namespace assay::bench {

/// What the ranks do with one set of blocks of one file.
struct TransferJob {
  std::int64_t first = 0;  ///< block numbers of the rank
  std::int64_t count = 0;
  std::function<std::uint64_t(std::int64_t block)> offset;
  /// Before a block is written.
  std::function<void(std::int64_t block, std::byte* buffer)> fill;
  /// After a block was read.
  std::function<void(std::int64_t block, const std::byte* buffer)> examine;
  /// Asked before each block; empty: all of them.
  std::function<bool()> go_on;
};

/// Where files are opened. Every rank calls alike; with a file of its own a rank works alone on it.
class Transfer {
 public:
  virtual ~Transfer() = default;

  /// A new file named `name`. With one file for all ranks, rank 0 makes it and the others open it. Reserves
  /// `file_bytes` where that is asked for (> 0). Throws Error.
  virtual void create(Workspace& workspace, const std::string& name, std::uint64_t file_bytes) = 0;
  virtual void open(const Workspace& workspace, const std::string& name) = 0;
  /// Blocks written from `first` on. Throws Error.
  virtual std::int64_t write(const TransferJob& job) = 0;
  virtual void read(const TransferJob& job) = 0;
  virtual void sync() = 0;
  virtual void close() = 0;
  /// After a failure: lets go of everything, with no other rank's help.
  virtual void abandon() noexcept = 0;

  /// What the last transfers left in memory: one buffer for each block that was under way at once.
  virtual int buffers() const = 0;
  virtual std::byte* buffer(int index) const = 0;
  /// The number of the block that a buffer holds; -1: none.
  virtual std::int64_t block_in(int index) const = 0;

  virtual std::string description() const = 0;
  /// "yes", "no: ..."
  virtual std::string preallocated() const = 0;
};

struct TransferSettings {
  std::string engine = "io_uring";  ///< or posix, mpiio
  int queue_depth = 16;
  std::size_t block_bytes = 0;
  bool direct = true;     ///< O_DIRECT
  bool one_file = false;  ///< for all ranks
};

/// Throws Error where the engine cannot be had.
std::unique_ptr<Transfer> make_transfer(const ProcessGroup& group, const TransferSettings& settings);
/// The MPI-IO one (mpi_transfer.cpp).
std::unique_ptr<Transfer> make_mpi_transfer(const ProcessGroup& group, const TransferSettings& settings);

}  // namespace assay::bench
