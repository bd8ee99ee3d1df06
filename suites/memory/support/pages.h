// Memory straight from the kernel: page aligned, touched by nobody yet, on large pages where asked for.
#pragma once

#include <cstddef>
#include <string>

namespace assay::bench {

enum class PageSize {
  automatic,  ///< large pages are asked for; what the kernel gives is as good
  normal,     ///< large pages are declined
  huge,       ///< large pages are asked for, and their absence makes the case another one
};

/// "auto", "normal" or "huge".
PageSize parse_page_size(const std::string& name);

/// One anonymous mapping, aligned to 2 MiB. Which NUMA node a page is on is decided by the thread that
/// touches it first.
class Pages {
 public:
  Pages() = default;
  /// Throws std::bad_alloc.
  Pages(std::size_t bytes, PageSize size);
  ~Pages();
  Pages(Pages&& other) noexcept;
  Pages& operator=(Pages&& other) noexcept;
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  /// How many bytes of the memory are on large pages now, by /proc/self/smaps.
  std::size_t huge_bytes() const;

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  void* mapping_ = nullptr;
  std::size_t mapped_ = 0;
};

/// What a record's path says of the pages: "large (all of 64 MiB)", "normal", "normal (large ones asked
/// for)".
std::string describe_pages(std::size_t huge_bytes, std::size_t bytes, PageSize asked);

/// Why a case that names huge pages was not carried by them; empty: it was, or names none.
std::string why_pages_invalid(std::size_t huge_bytes, std::size_t bytes, PageSize asked);

}  // namespace assay::bench
