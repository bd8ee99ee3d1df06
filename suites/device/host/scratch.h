// Memory that grows while a program prepares itself and stays as it is afterwards.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace assay::device {

class Scratch {
 public:
  /// `counting`: only counts what it would hold.
  explicit Scratch(bool counting = false) : counting_(counting) {}
  ~Scratch() { std::free(memory_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /// At least so many bytes, on a page boundary; the content is lost when it grows. Throws std::bad_alloc.
  void reserve(std::size_t bytes) {
    if (bytes <= bytes_) return;
    constexpr std::size_t page = 4096;
    const std::size_t rounded = (bytes + page - 1) / page * page;
    std::free(memory_);
    memory_ = nullptr;
    bytes_ = 0;
    if (!counting_) {
      memory_ = std::aligned_alloc(page, rounded);
      if (memory_ == nullptr) throw std::bad_alloc();
    }
    bytes_ = rounded;
  }
  void* get() const { return memory_; }
  std::size_t bytes() const { return bytes_; }

 private:
  bool counting_;
  void* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace assay::device
