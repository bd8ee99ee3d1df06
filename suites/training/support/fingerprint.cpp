#include "suites/training/support/fingerprint.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <map>
#include <sstream>

#include "reports/base/error.h"
#include "reports/base/names.h"
#include "suites/training/support/generator.h"

namespace assay::training {

namespace {

std::string hex(std::uint64_t bits) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(bits));
  return text.data();
}

std::optional<std::uint64_t> parse_hex(const std::string& text) {
  if (text.size() != 16 || text.find_first_not_of("0123456789abcdef") != std::string::npos) return {};
  return std::stoull(text, nullptr, 16);
}

/// The loop itself, compiled into each of the functions below.
template <class Bits, class Value>
[[gnu::always_inline]] inline std::uint64_t sum_of_mixed(std::uint64_t place, std::span<const Value> values) {
  std::uint64_t sum = 0;
  for (const Value value : values) {
    sum += mixed(place ^ std::bit_cast<Bits>(value));
    place += golden;
  }
  return sum;
}

#if defined(__x86_64__)
// AVX-512 multiplies eight 64-bit numbers at once, which makes this loop five times as fast.
template <class Bits, class Value>
[[gnu::target("avx512f,avx512dq")]] std::uint64_t sum_with_avx512(std::uint64_t place,
                                                                  std::span<const Value> values) {
  return sum_of_mixed<Bits, Value>(place, values);
}

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0;
}
#endif

template <class Bits, class Value>
std::uint64_t add_elements(std::uint64_t sum, int tensor, std::int64_t first, std::span<const Value> values) {
  const std::uint64_t place = device::checksum_place(tensor, first);
#if defined(__x86_64__)
  if (has_avx512()) return sum + sum_with_avx512<Bits, Value>(place, values);
#endif
  return sum + sum_of_mixed<Bits, Value>(place, values);
}

struct Part {
  const char* what;
  std::uint64_t (*bits)(const StepFingerprint&);
};

constexpr std::array parts{
    Part{"loss", [](const StepFingerprint& one) { return std::bit_cast<std::uint64_t>(one.loss); }},
    Part{"gradient norm",
         [](const StepFingerprint& one) { return std::bit_cast<std::uint64_t>(one.gradient_norm); }},
    Part{"parameters", [](const StepFingerprint& one) { return one.parameters; }},
};

/// Who does not have the value that more than half have.
Difference judge(std::int64_t step, const char* what, const std::vector<std::uint64_t>& values,
                 const std::vector<std::string>& names, std::string (*show)(std::uint64_t)) {
  std::map<std::uint64_t, int> votes;
  for (const std::uint64_t value : values) ++votes[value];
  const auto most = std::max_element(votes.begin(), votes.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  Difference difference{.step = step, .what = what, .who = {}, .has_majority = false, .words = {}};
  difference.has_majority = 2 * static_cast<std::size_t>(most->second) > values.size();
  std::vector<std::string> found;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (difference.has_majority && values[i] == most->first) continue;
    difference.who.push_back(static_cast<int>(i));
    if (found.size() < 4) found.push_back(names[i] + " has " + show(values[i]));
  }
  if (difference.who.size() > found.size()) found.emplace_back("...");
  difference.words = "step " + std::to_string(step) + ", " + what + ": " + join(found, ", ");
  if (difference.has_majority) {
    difference.words += ", the other " + std::to_string(most->second) + " have " + show(most->first);
  } else {
    difference.words += " (no value is that of more than half, so nobody knows which is right)";
  }
  return difference;
}

}  // namespace

bool StepFingerprint::operator==(const StepFingerprint& other) const {
  return step == other.step && std::all_of(parts.begin(), parts.end(), [&](const Part& part) {
           return part.bits(*this) == part.bits(other);
         });
}

std::uint64_t add_parameters(std::uint64_t sum, int tensor, std::int64_t first,
                             std::span<const float> values) {
  return add_elements<std::uint32_t>(sum, tensor, first, values);
}

std::uint64_t add_parameters(std::uint64_t sum, int tensor, std::int64_t first,
                             std::span<const double> values) {
  return add_elements<std::uint64_t>(sum, tensor, first, values);
}

std::string to_text(const Fingerprint& fingerprint) {
  std::string text;
  for (const StepFingerprint& one : fingerprint) {
    text += std::to_string(one.step);
    for (const Part& part : parts) text += " " + hex(part.bits(one));
    text += "\n";
  }
  return text;
}

Fingerprint parse_fingerprint(const std::string& text) {
  Fingerprint fingerprint;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line);
    StepFingerprint one;
    std::string loss, norm, parameters, rest;
    words >> one.step >> loss >> norm >> parameters;
    const auto a = parse_hex(loss), b = parse_hex(norm), c = parse_hex(parameters);
    if (!words || words >> rest || !a || !b || !c) {
      throw bad_input("line " + std::to_string(number) + " is no step of a fingerprint: '" + line + "'",
                      "a line has a step and three times 16 hexadecimal digits");
    }
    one.loss = std::bit_cast<double>(*a);
    one.gradient_norm = std::bit_cast<double>(*b);
    one.parameters = *c;
    fingerprint.push_back(one);
  }
  return fingerprint;
}

std::optional<Difference> first_difference(const std::vector<Fingerprint>& all,
                                           const std::vector<std::string>& names) {
  if (all.empty()) return {};
  std::size_t common = all[0].size();
  for (const Fingerprint& one : all) common = std::min(common, one.size());
  std::vector<std::uint64_t> values(all.size());
  const auto differ = [&] {
    return std::any_of(values.begin(), values.end(), [&](std::uint64_t value) { return value != values[0]; });
  };
  const auto decimal = [](std::uint64_t value) { return std::to_string(value); };
  for (std::size_t step = 0; step < common; ++step) {
    const auto number = all[0][step].step;
    for (std::size_t i = 0; i < all.size(); ++i) values[i] = static_cast<std::uint64_t>(all[i][step].step);
    if (differ()) return judge(number, "number of the step", values, names, decimal);
    for (const Part& part : parts) {
      for (std::size_t i = 0; i < all.size(); ++i) values[i] = part.bits(all[i][step]);
      if (differ()) return judge(number, part.what, values, names, hex);
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) values[i] = all[i].size();
  if (!differ()) return {};
  return judge(static_cast<std::int64_t>(common), "number of steps", values, names, decimal);
}

}  // namespace assay::training
