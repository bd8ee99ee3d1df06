// Which bytes of which file belong to which rank: pure, without a file.
#pragma once

#include <cstdint>
#include <string>

#include "suites/harness/process_group.h"

namespace assay::bench {

enum class Sharing {
  per_rank,  ///< a file for each rank
  shared,    ///< one file, each rank's bytes in one piece (IOR: one segment)
  strided,   ///< one file, block k of all ranks side by side (IOR: block size = transfer size)
};
/// "per_rank", "shared", "strided"
Sharing parse_sharing(const std::string& name);

struct StreamLayout {
  Sharing sharing = Sharing::per_rank;
  int ranks = 1;
  std::int64_t blocks = 0;  ///< of each rank, at most
  std::uint64_t block_bytes = 0;

  bool one_file() const { return sharing != Sharing::per_rank; }
  /// Where block `block` of what `rank` writes lies in its file.
  std::uint64_t offset(int rank, std::int64_t block) const;
  /// The number that its contents depend on, and the part of its name that tells it from the others'.
  std::uint64_t file_number(int rank) const { return one_file() ? 0 : static_cast<std::uint64_t>(rank); }
  std::string file_name(int rank) const { return one_file() ? "all" : "rank-" + std::to_string(rank); }
  std::uint64_t file_bytes() const;
  /// The largest number of bytes from the file's start that `rank`'s first `written` blocks reach.
  std::uint64_t end_of(int rank, std::int64_t written) const;
};

/// Whose data a rank reads: with several nodes what another node wrote, when they hold equally many ranks; on
/// one node what the next rank wrote.
struct ReadShift {
  int ranks = 0;
  std::string what;  ///< "what another node wrote"
};
ReadShift read_shift(const ProcessGroup& group);

/// Empty when a figure from `bytes` written by all ranks may be called an acceptance figure on nodes with
/// `ram_bytes` of memory together, else why not. UK NNSS 2026 asks for more than 1.5 times the memory.
std::string why_no_acceptance(std::uint64_t bytes, std::uint64_t ram_bytes, bool synced);

/// Bytes for each rank that make an acceptance figure, in whole blocks.
std::uint64_t acceptance_bytes(std::uint64_t ram_bytes, int ranks, std::uint64_t block_bytes);

}  // namespace assay::bench
