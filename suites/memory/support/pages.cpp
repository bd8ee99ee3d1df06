#include "suites/memory/support/pages.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <new>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "reports/record/unit.h"

namespace assay::bench {

namespace {

constexpr std::size_t large_page = std::size_t{2} << 20;

std::uintptr_t round_up(std::uintptr_t value) {
  return (value + large_page - 1) / large_page * large_page;
}

}  // namespace

PageSize parse_page_size(const std::string& name) {
  if (name == "auto") return PageSize::automatic;
  if (name == "normal") return PageSize::normal;
  if (name == "huge") return PageSize::huge;
  throw std::logic_error("no page size is called '" + name + "'");
}

Pages::Pages(std::size_t bytes, PageSize size) : bytes_(bytes) {
  // Whole large pages, so that the last one can be large too, and one more to align the first.
  const std::size_t whole = round_up(std::max<std::size_t>(1, bytes));
  mapped_ = whole + large_page;
  mapping_ =
      mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping_ == MAP_FAILED) {
    mapping_ = nullptr;
    throw std::bad_alloc();
  }
  const auto begin = reinterpret_cast<std::uintptr_t>(mapping_);
  data_ = static_cast<std::byte*>(mapping_) + (round_up(begin) - begin);
  // Advice may be refused (a kernel without large pages); what was given is asked for afterwards.
  madvise(data_, whole, size == PageSize::normal ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
}

Pages::~Pages() {
  if (mapping_ != nullptr) munmap(mapping_, mapped_);
}

Pages::Pages(Pages&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      mapping_(std::exchange(other.mapping_, nullptr)),
      mapped_(std::exchange(other.mapped_, 0)) {}

Pages& Pages::operator=(Pages&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(mapping_, other.mapping_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

std::size_t Pages::huge_bytes() const {
  std::ifstream file("/proc/self/smaps");
  const auto first = reinterpret_cast<std::uintptr_t>(data_);
  const std::uintptr_t end = first + bytes_;
  bool inside = false;
  std::size_t found = 0;
  for (std::string line; std::getline(file, line);) {
    unsigned long long low = 0, high = 0;
    // A mapping begins with "7f0000000000-7f0000200000 rw-p ..."; its facts follow as "Name:  number kB".
    if (std::sscanf(line.c_str(), "%llx-%llx ", &low, &high) == 2) {
      inside = low < end && high > first;
      continue;
    }
    unsigned long long kibibytes = 0;
    if (inside && std::sscanf(line.c_str(), "AnonHugePages: %llu kB", &kibibytes) == 1)
      found += static_cast<std::size_t>(kibibytes) * 1024;
  }
  return std::min(found, bytes_);
}

std::string describe_pages(std::size_t huge_bytes, std::size_t bytes, PageSize asked) {
  if (huge_bytes >= bytes && bytes > 0) return "large (2 MiB), all of the memory";
  if (huge_bytes == 0) return asked == PageSize::normal ? "normal" : "normal: the kernel gave no large ones";
  return "large (2 MiB) for " +
         format_share(static_cast<double>(huge_bytes) / static_cast<double>(bytes), 1) +
         " of the memory, normal for the rest";
}

std::string why_pages_invalid(std::size_t huge_bytes, std::size_t bytes, PageSize asked) {
  // Nine tenths: a few pages at the edges may stay small without changing what is measured.
  if (asked != PageSize::huge || static_cast<double>(huge_bytes) >= 0.9 * static_cast<double>(bytes))
    return {};
  return "the case names large pages, but the kernel gave " + format_bytes(static_cast<double>(huge_bytes)) +
         " of " + format_bytes(static_cast<double>(bytes)) +
         "; see /sys/kernel/mm/transparent_hugepage/enabled";
}

}  // namespace assay::bench
