// What one device burns: a product that is computed again and again, each time compared with the verified one
// bit by bit, and memory that is written with patterns and read back.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "suites/compute/gemm/gemm.h"
#include "suites/compute/gemm/gemm_store.h"
#include "suites/device/device.h"
#include "suites/harness/benchmark.h"
#include "suites/stability/burn/burn_store.h"
#include "suites/stability/burn/located.h"

namespace assay::bench::stability {

struct LoadSettings {
  GemmCase gemm;  ///< m x n results fill whole packs of 16 bytes
  int threads = 1;
  std::uint64_t memory_bytes = 0;  ///< to be tested; a multiple of 16
  std::uint64_t chunk_bytes = 16;  ///< visited at a time; a multiple of 16
  std::uint64_t seed = 0;
  int rank = 0;
};

class BurnLoad {
 public:
  /// Seconds since the common beginning.
  using Now = std::function<double()>;

  /// The device outlives this.
  BurnLoad(device::Device& device, const LoadSettings& settings);

  /// Allocates, fills, computes the first product and examines it, keeps its bits, writes the first pattern.
  void prepare();
  /// What the examination of the first product gave.
  const ProductCheck& verified() const { return verified_; }

  /// The results become what no product is.
  void poison();
  /// Begins `count` products, each compared when it is done. They are numbered from 1.
  void begin_products(std::uint64_t count);
  /// One more, to be compared by compare_last. Waits.
  void last_product();
  /// Begins to compare the next chunk of memory with what it must hold, and to write its next pattern.
  /// Returns its bytes. A round over all chunks, then the next one.
  std::uint64_t begin_visit();
  /// Waits for what was begun and notes what was wrong.
  void finish(ErrorPart part, const Now& now);

  /// After the burn. Each waits and notes.
  void compare_last(const Now& now);
  void compare_memory(const Now& now);
  /// "the first operand", "the verified product", ...: what of them has other bits than when it was made.
  std::vector<std::string> changed();

  std::uint64_t products() const { return products_; }  ///< compared ones
  std::uint64_t chunks() const;
  std::uint64_t visited_bytes() const { return visited_bytes_; }  ///< compared, compare_memory included
  const ErrorLog& errors() const { return errors_; }
  std::map<std::string, std::string> describe() const { return plan_->describe(); }
  /// "uniform in [-1, 1)"
  std::string inputs() const;

  // ---- Planted faults
  /// Computes one more product, spoils one element of it, and begins to compare it. Waits.
  void plant_in_a_product(Fault fault);
  /// Spoils one element of the last product.
  void plant_in_the_last(Fault fault);
  /// Flips the lowest bit of the tested memory's word in the middle of the chunk that is visited next.
  void plant_in_memory();

 private:
  struct Chunk {
    std::uint64_t first_word = 0, words = 0;
    void* at = nullptr;
  };
  Chunk chunk(std::uint64_t number) const;
  /// What the chunk holds now.
  std::uint64_t generation_of(std::uint64_t number) const { return round_ + (number < next_ ? 1 : 0); }
  device::Element result() const { return product_of(settings_.gemm.element); }
  std::uint64_t results() const;
  std::size_t result_bytes() const;
  void compare(std::uint64_t number, bool spoil);
  void flip_bit(void* at);
  std::vector<std::uint64_t> fingerprints();

  device::Device& device_;
  LoadSettings settings_;
  std::unique_ptr<GemmStore> matrices_;
  std::unique_ptr<BurnStore> store_;
  std::unique_ptr<device::Buffer> a_, b_, c_, right_, memory_;
  std::unique_ptr<device::Gemm> plan_;
  int range_;  // of int8 operands
  ProductCheck verified_;
  std::vector<std::uint64_t> made_;  // fingerprints of what must not change
  ErrorLog errors_;
  std::uint64_t products_ = 0, round_ = 0, next_ = 0, visited_bytes_ = 0;
};

}  // namespace assay::bench::stability
