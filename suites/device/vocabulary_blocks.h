// How a fused head cuts its vocabulary, so that it never holds all logits. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "suites/device/operators.h"

namespace assay::device {

/// Blocks of rows of W, as even as whole tiles allow: every block but the last has `columns` of them.
struct VocabularyBlocks {
  struct Limits {
    std::int64_t logits;       ///< of a block, wanted
    std::int64_t least, most;  ///< rows of W in a block that is wanted
    std::int64_t unit;         ///< rows of W in a tile of the products
  };

  VocabularyBlocks(const HeadShape& shape, const Limits& limits) {
    const std::int64_t wanted =
        std::clamp(limits.logits / std::max<std::int64_t>(shape.rows, 1), limits.least, limits.most);
    const std::int64_t blocks = (shape.vocabulary + wanted - 1) / wanted;
    const std::int64_t even = (shape.vocabulary + blocks - 1) / blocks;
    columns = std::min(shape.vocabulary, (even + limits.unit - 1) / limits.unit * limits.unit);
    count = (shape.vocabulary + columns - 1) / columns;
    last = shape.vocabulary - (count - 1) * columns;
  }

  std::int64_t columns = 0, count = 0, last = 0;
  std::int64_t of(std::int64_t block) const { return block + 1 == count ? last : columns; }
};

}  // namespace assay::device
