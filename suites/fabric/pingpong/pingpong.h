// fabric/pingpong: messages between two ranks, or between pairs of ranks at once. Formulas, pure.
#pragma once

#include <cstddef>
#include <cstdint>

namespace assay::bench {

enum class TalkPattern { pingpong, window, bidirectional, message_rate };

/// Messages that one iteration of a pattern carries, all pairs and directions together: 1 for a pingpong (an
/// iteration is one message, one way).
std::int64_t messages_of_iteration(TalkPattern pattern, int window, int pairs);

/// Slots of a pingpong's ring: even, because messages go there and back in turn.
int pingpong_ring(std::uint64_t bytes, int talkers_on_a_node, std::uint64_t last_level_cache_bytes);

/// Windows that a windowed pattern rotates over: 1 where the buffers of one exceed twice the cache already.
/// `bytes`: of one window on one rank.
int window_ring(std::uint64_t bytes, int talkers_on_a_node, std::uint64_t last_level_cache_bytes);

}  // namespace assay::bench
