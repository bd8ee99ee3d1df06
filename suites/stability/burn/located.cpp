#include "suites/stability/burn/located.h"

#include <algorithm>
#include <cstdio>

#include "suites/stability/burn/pattern.h"

namespace assay::bench::stability {

namespace {

std::string bits(unsigned long long value, unsigned bytes) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%0*llx", static_cast<int>(2 * bytes), value);
  return text;
}

std::string moment(double at_s) {
  char text[48];
  std::snprintf(text, sizeof text, "after %.3f s: ", at_s);
  return text;
}

std::string instead(const DifferentPlace& place, unsigned bytes) {
  char changed[32];
  std::snprintf(changed, sizeof changed, " (bits 0x%llx", place.found ^ place.expected);
  return bits(place.found, bytes) + " instead of " + bits(place.expected, bytes) + changed;
}

}  // namespace

std::string describe_result(double at_s, const DifferentPlace& place, std::uint64_t columns,
                            unsigned element_bytes) {
  return moment(at_s) + "product " + std::to_string(place.when) + ", row " +
         std::to_string(place.index / columns) + ", column " + std::to_string(place.index % columns) +
         " is " + instead(place, element_bytes) + ")";
}

std::string describe_memory(double at_s, const DifferentPlace& place) {
  constexpr unsigned word_bytes = 8;
  return moment(at_s) + "memory byte " + std::to_string(place.index * word_bytes) + " holds " +
         instead(place, word_bytes) + "; round " + std::to_string(place.when) + ", " +
         pattern_name(place.when) + ")";
}

void ErrorLog::add(ErrorPart part, double at_s, const Differences& found) {
  (part == ErrorPart::result ? results_ : words_) += found.count;
  const auto places = std::min<unsigned long long>(found.taken, most_places);
  for (unsigned long long i = 0; i < places && kept_.size() < most; ++i) {
    const DifferentPlace& place = found.places[i];
    kept_.push_back({part, at_s, place,
                     part == ErrorPart::result ? describe_result(at_s, place, columns_, element_bytes_)
                                               : describe_memory(at_s, place)});
  }
}

}  // namespace assay::bench::stability
