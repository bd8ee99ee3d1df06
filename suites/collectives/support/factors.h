// What `bytes` means for each collective, and what makes its bandwidth comparable with that of a link: one
// table for the family.
#pragma once

#include <cstdint>

namespace assay::bench {

enum class CollectiveKind { allreduce, reduce_scatter, allgather, alltoall, broadcast, reduce };

/// busbw = algbw * factor, algbw = bytes / time, with n ranks (NVIDIA/nccl-tests, doc/PERFORMANCE.md; `bytes`
/// is its S, which the *GetBw functions of its sources give in full):
///
///   collective      bytes (S)                                                      factor
///   all-reduce      each rank's buffer                                             2 (n - 1) / n
///   reduce-scatter  each rank's input: n blocks; its result is one of them         (n - 1) / n
///   all-gather      each rank's result: n blocks; its input is one of them         (n - 1) / n
///   all-to-all      each rank's input and result: n blocks, its own among them     (n - 1) / n
///   broadcast       the root's buffer                                              1
///   reduce          each rank's buffer                                             1
double busbw_factor(CollectiveKind kind, int ranks);

/// True where `bytes` consists of one block a rank.
bool in_blocks(CollectiveKind kind);

/// The elements that a message of `bytes` really has: where it consists of blocks, as many per block as fit
/// (so does nccl-tests). 0 when that would leave out more than 1 % of it: then `bytes` names something else.
std::int64_t whole_elements(CollectiveKind kind, std::int64_t bytes, std::int64_t element_bytes, int ranks);

/// The multiple of a whole message (an element, or an element for each rank) that is nearest to `bytes`.
std::int64_t nearest_bytes(CollectiveKind kind, std::int64_t bytes, std::int64_t element_bytes, int ranks);

}  // namespace assay::bench
