#include "suites/stability/burn/burn_store.h"

#include <algorithm>
#include <mutex>
#include <tuple>
#include <utility>

#include "suites/stability/burn/pattern.h"

namespace assay::bench::stability {

void sort_places(Differences& differences) {
  const auto kept = std::min<unsigned long long>(differences.taken, most_places);
  std::sort(differences.places, differences.places + kept,
            [](const DifferentPlace& a, const DifferentPlace& b) {
              return std::tie(a.when, a.index) < std::tie(b.when, b.index);
            });
}

namespace {

/// What one thread found: its first places.
void note(Differences& own, unsigned count, const DifferentPlace& place) {
  own.count += count;
  if (own.taken < most_places) own.places[own.taken++] = place;
}

class HostBurnStore final : public BurnStore {
 public:
  void compare(void* found, const void* right, std::size_t bytes, unsigned element_bytes, std::uint64_t when,
               bool spoil) override {
    constexpr std::size_t words_in_a_pack = 2;
    auto* const results = static_cast<std::uint64_t*>(found);
    const auto* const expected = static_cast<const std::uint64_t*>(right);
    const std::uint64_t in_a_word = 8 / element_bytes;
    for_all(bytes / 16, [&](std::size_t pack, Differences& own) {
      const std::size_t first = pack * words_in_a_pack;
      for (std::size_t word = first; word < first + words_in_a_pack; ++word) {
        if (results[word] == expected[word]) continue;
        const WordComparison one = compare_words(results[word], expected[word], element_bytes);
        note(own, one.count, {when, word * in_a_word + one.first, one.found, one.expected});
      }
      if (!spoil || pack % spoilt_every != when % spoilt_every) return;
      for (std::size_t word = first; word < first + words_in_a_pack; ++word) results[word] = ~expected[word];
    });
  }

  void fill(void* words, std::size_t count, std::uint64_t first, std::uint64_t generation) override {
    auto* const to = static_cast<std::uint64_t*>(words);
    for_all(count, [&](std::size_t i, Differences&) { to[i] = pattern_word(first + i, generation); });
  }

  void visit(void* words, std::size_t count, std::uint64_t first, std::uint64_t generation,
             bool write) override {
    auto* const memory = static_cast<std::uint64_t*>(words);
    const bool backwards = generation % 2 == 1;
    for_all(count, [&](std::size_t step, Differences& own) {
      const std::size_t i = backwards ? count - 1 - step : step;
      const std::uint64_t expected = pattern_word(first + i, generation), found = memory[i];
      if (found != expected) note(own, 1, {generation, first + i, found, expected});
      if (write) memory[i] = pattern_word(first + i, generation + 1);
    });
  }

  Differences take() override { return std::exchange(found_, {}); }

  std::uint64_t fingerprint(const void* data, std::size_t bytes) override {
    const auto* const words = static_cast<const std::uint64_t*>(data);
    const std::size_t count = bytes / sizeof(std::uint64_t);
    std::uint64_t sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (std::size_t i = 0; i < count; ++i) sum += random_bits(words[i], i);
    return sum;
  }

 private:
  /// Shared out over the threads in pieces, each in its order.
  template <typename Work>
  void for_all(std::size_t count, const Work& work) {
#pragma omp parallel
    {
      Differences own;
#pragma omp for schedule(static) nowait
      for (std::size_t i = 0; i < count; ++i) work(i, own);
      if (own.count > 0) {
        const std::lock_guard lock(guard_);
        add(own);
      }
    }
  }

  /// Keeps the first places of all.
  void add(const Differences& own) {
    found_.count += own.count;
    DifferentPlace all[2 * most_places];
    auto* end = std::copy_n(found_.places, found_.taken, all);
    end = std::copy_n(own.places, own.taken, end);
    std::sort(all, end, [](const DifferentPlace& a, const DifferentPlace& b) {
      return std::tie(a.when, a.index) < std::tie(b.when, b.index);
    });
    found_.taken = std::min<unsigned long long>(static_cast<unsigned long long>(end - all), most_places);
    std::copy_n(all, found_.taken, found_.places);
  }

  std::mutex guard_;
  Differences found_;
};

}  // namespace

std::unique_ptr<BurnStore> host_burn_store() {
  return std::make_unique<HostBurnStore>();
}

}  // namespace assay::bench::stability
