// Who talks to whom, and when: pure functions of the number of members.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace assay::bench {

/// Rounds in which every pair of `members` meets once: n - 1, or n when n is odd and one rests in each round.
int pair_rounds(int members);

/// Whom `member` meets in `round` (from 0); -1: it rests. The circle method of tournaments (Kirkman 1847):
/// the last of an even number stays, the others turn by one seat each round, and opposite seats meet.
int partner_in_round(int members, int round, int member);

/// The pairs of a round, first < second, in order of the first.
std::vector<std::pair<int, int>> pairs_of_round(int members, int round);

/// Across the middle: member i of the lower half talks to i + n / 2; -1 for the last of an odd number.
int partner_across(int members, int member);

/// All members in an order that depends on the seed alone (a shuffle of our own: those of standard libraries
/// differ): each sends to the next, the last to the first.
std::vector<int> random_ring(int members, std::uint64_t seed);

}  // namespace assay::bench
