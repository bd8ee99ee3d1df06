#include "suites/fabric/links/schedule.h"

#include <numeric>

#include "suites/fabric/links/payload.h"

namespace assay::bench {

namespace {

// Seats of the circle: an odd number gets an empty one, and who meets it rests.
int seats_for(int members) {
  return members + members % 2;
}

}  // namespace

int pair_rounds(int members) {
  return members < 2 ? 0 : seats_for(members) - 1;
}

int partner_in_round(int members, int round, int member) {
  const int seats = seats_for(members);
  const int turning = seats - 1;  // odd, so 2 has the inverse seats / 2
  int partner = 0;
  if (member == turning) {
    partner = static_cast<int>(static_cast<std::int64_t>(round) * (seats / 2) % turning);
  } else {
    // Those who meet add up to the round, modulo the turning seats; one of them would meet itself.
    partner = (round - member + turning) % turning;
    if (partner == member) partner = turning;
  }
  return partner < members ? partner : -1;
}

std::vector<std::pair<int, int>> pairs_of_round(int members, int round) {
  std::vector<std::pair<int, int>> pairs;
  for (int member = 0; member < members; ++member) {
    const int partner = partner_in_round(members, round, member);
    if (partner > member) pairs.emplace_back(member, partner);
  }
  return pairs;
}

int partner_across(int members, int member) {
  const int half = members / 2;
  if (member < half) return member + half;
  return member < 2 * half ? member - half : -1;
}

std::vector<int> random_ring(int members, std::uint64_t seed) {
  std::vector<int> ring(static_cast<std::size_t>(members));
  std::iota(ring.begin(), ring.end(), 0);
  for (std::size_t i = ring.size(); i > 1; --i) {  // Fisher and Yates
    seed = link_mix(seed);
    std::swap(ring[i - 1], ring[seed % i]);
  }
  return ring;
}

}  // namespace assay::bench
