// What one rank's training step holds in memory, computed before anything is allocated. One list serves the
// estimate and the allocation, so that the two cannot drift apart.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "suites/device/element.h"
#include "suites/training/support/layout.h"

namespace assay::training {

using device::Element;

/// Pieces in which the host looks at the memory of a device (host_view.h).
inline constexpr std::int64_t host_view_bytes = std::int64_t{16} << 20;

/// `copies` buffers of `count` numbers.
struct MemoryItem {
  std::string name;  ///< "weights", "kept.qkv", "work.d_qkv"
  Element element = Element::f32;
  std::int64_t count = 0;
  std::int64_t copies = 1;
  std::string formula;  ///< of the count, in words of the layout: "rows (width + 2 kv_width) / tensor"

  /// Seen in this rank's memory, but held by another one (of a shared window).
  bool mapped = false;

  std::int64_t bytes() const { return count * copies * static_cast<std::int64_t>(device::bytes_of(element)); }
};

/// What the formulas need beyond the model and the layout.
struct MemoryRequest {
  Element element = Element::f32;  ///< f64, f32 or bf16, of activations and products
  std::int64_t scratch_bytes = 0;  ///< of the operators
  std::int64_t loader_bytes = 0;   ///< of the prefetching loader's queue
  /// The memory is a device's, apart from the host's: without what only the host holds, with what is kept on
  /// the way between the two.
  bool apart = false;
  bool narrow_moments = false;  ///< AdamW's, in bf16
  /// The operators' scratch on a rank of any layout, in place of `scratch_bytes` (operator_scratch_bytes):
  /// for asking beforehand, and for the ways that a refusal suggests.
  std::function<std::int64_t(const ParallelLayout& layout, std::int64_t rank)> scratch = {};
};

/// Everything that `rank` allocates, R = rows of a micro-batch, R' = own rows (R / tensor with sequence
/// parallelism, else R). Items whose name begins with "kept." are activations of one layer and one
/// micro-batch from its forward to its backward pass: copies = layers of the stage x micro-batches under way.
/// With recomputation only `kept.residual_in` is, and the others exist once. Items that begin with "work."
/// exist while one layer is passed through; those with "end." belong to the last norm and the head.
std::vector<MemoryItem> memory_items(const ModelShape& shape, const ParallelLayout& layout, std::int64_t rank,
                                     const MemoryRequest& request);

/// Throws std::out_of_range for a name that the list has not: a fault of the program.
const MemoryItem& find_item(const std::vector<MemoryItem>& items, const std::string& name);

/// Of what this rank holds itself.
std::int64_t total_bytes(const std::vector<MemoryItem>& items);
/// Of all that counts as resident in this rank, memory of others that it sees included.
std::int64_t resident_bytes(const std::vector<MemoryItem>& items);

/// Elements of the flat buffers of weights and gradients: with a sharded optimizer padded to equal shards.
std::int64_t flat_length(const LocalInventory& local, const ParallelLayout& layout);

/// The rank that needs most.
std::int64_t largest_rank(const ModelShape& shape, const ParallelLayout& layout,
                          const MemoryRequest& request);

/// Empty when every rank fits into `limit_bytes`; else what is needed, for what, and which changes would
/// help, each with the bytes that it would leave.
std::string memory_refusal(const ModelShape& shape, const ParallelLayout& layout,
                           const MemoryRequest& request, std::int64_t limit_bytes);

}  // namespace assay::training
