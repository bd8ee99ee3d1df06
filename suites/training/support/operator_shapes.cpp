#include "suites/training/support/operator_shapes.h"

#include <memory>
#include <new>

#include "suites/training/support/host_view.h"

namespace assay::training {

OperatorShapes operator_shapes(const ModelShape& shape, const ParallelLayout& layout, std::int64_t rank) {
  const std::int64_t parts = layout.tensor, width = shape.width, rows = layout.rows(shape);
  const std::int64_t feed_forward = shape.feed_forward / parts;
  const bool gpt = shape.architecture == Architecture::gpt;
  const Block vocabulary = block_of(shape.vocabulary, coordinates_of(layout, rank).tensor, parts);
  return {.qkv = {rows, width, (width + 2 * shape.kv_width()) / parts},
          .attention_out = {rows, width / parts, width},
          .feed_forward_in = {rows, width, gpt ? feed_forward : 2 * feed_forward},
          .feed_forward_out = {rows, feed_forward, width},
          .attention = {layout.micro_batch, shape.sequence, shape.heads / parts, shape.kv_heads / parts,
                        shape.head_size()},
          .head = {rows, width, vocabulary.count, vocabulary.begin}};
}

void reserve_operators(device::Operators& operators, const ModelShape& shape, const ParallelLayout& layout,
                       std::int64_t rank) {
  const OperatorShapes shapes = operator_shapes(shape, layout, rank);
  for (const device::LinearShape* linear :
       {&shapes.qkv, &shapes.attention_out, &shapes.feed_forward_in, &shapes.feed_forward_out})
    operators.reserve_linear(*linear);
  operators.reserve_attention(shapes.attention);
  if (shape.architecture == Architecture::llama)
    operators.reserve_rope(shape.sequence, shape.head_size(), shape.rope_base);
  if (coordinates_of(layout, rank).pipeline == layout.pipeline - 1) operators.reserve_head(shapes.head);
}

std::int64_t operator_scratch_bytes(const ModelShape& shape, const ParallelLayout& layout, std::int64_t rank,
                                    device::Element element, int threads, device::Device& device) {
  constexpr std::int64_t beyond = std::int64_t{1} << 60;
  try {
    const std::unique_ptr<device::Operators> asked = apart(device)
                                                         ? device.operators(element, threads)
                                                         : device::host_operators_counting(element, threads);
    reserve_operators(*asked, shape, layout, rank);
    return asked->scratch_bytes();
  } catch (const std::bad_alloc&) {
    return beyond;
  }
}

}  // namespace assay::training
