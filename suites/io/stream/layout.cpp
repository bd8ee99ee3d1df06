#include "suites/io/stream/layout.h"

#include "reports/base/error.h"
#include "reports/record/unit.h"

namespace assay::bench {

namespace {

/// Integers: 3/2 of the memory, rounded up.
std::uint64_t one_and_a_half(std::uint64_t bytes) {
  return bytes + (bytes + 1) / 2;
}

std::string size_text(std::uint64_t bytes) {
  return format_value(static_cast<double>(bytes), "B");
}

}  // namespace

Sharing parse_sharing(const std::string& name) {
  if (name == "per_rank") return Sharing::per_rank;
  if (name == "shared") return Sharing::shared;
  if (name == "strided") return Sharing::strided;
  throw bad_input("'" + name + "' is no layout", "give per_rank, shared or strided");
}

std::uint64_t StreamLayout::offset(int rank, std::int64_t block) const {
  const auto own = static_cast<std::uint64_t>(block);
  const auto writer = static_cast<std::uint64_t>(rank);
  switch (sharing) {
    case Sharing::per_rank:
      return own * block_bytes;
    case Sharing::shared:
      return (writer * static_cast<std::uint64_t>(blocks) + own) * block_bytes;
    case Sharing::strided:
      return (own * static_cast<std::uint64_t>(ranks) + writer) * block_bytes;
  }
  return 0;
}

std::uint64_t StreamLayout::file_bytes() const {
  return static_cast<std::uint64_t>(blocks) * block_bytes *
         static_cast<std::uint64_t>(one_file() ? ranks : 1);
}

std::uint64_t StreamLayout::end_of(int rank, std::int64_t written) const {
  return written == 0 ? 0 : offset(rank, written - 1) + block_bytes;
}

ReadShift read_shift(const ProcessGroup& group) {
  if (group.size() == 1) return {0, "what this rank wrote (there is no other)"};
  if (group.one_node()) return {1, "what another rank of this node wrote"};
  const int shift = group.most_ranks_on_a_node();
  for (int rank = 0; rank < group.size(); ++rank) {
    if (group.node_of(rank) == group.node_of((rank + shift) % group.size()))
      return {shift,
              "what another rank wrote, of the same node in part (the nodes hold unequally many ranks)"};
  }
  return {shift, "what another node wrote"};
}

std::string why_no_acceptance(std::uint64_t bytes, std::uint64_t ram_bytes, bool synced) {
  if (ram_bytes == 0) return "the nodes' memory is not known";
  if (bytes < one_and_a_half(ram_bytes)) {
    return size_text(bytes) + " is less than 1.5 x RAM (" + size_text(one_and_a_half(ram_bytes)) + ")";
  }
  if (!synced) return "the write time does not include fsync";
  return {};
}

std::uint64_t acceptance_bytes(std::uint64_t ram_bytes, int ranks, std::uint64_t block_bytes) {
  const std::uint64_t per_block = block_bytes * static_cast<std::uint64_t>(ranks);
  return (one_and_a_half(ram_bytes) + per_block - 1) / per_block * block_bytes;
}

}  // namespace assay::bench
