// Reads and writes whole blocks of files with several under way at once. One engine serves one thread.
//
//   std::unique_ptr<BlockIo> io = make_block_io({Engine::io_uring, 16, 1 << 20});
//   for each free slot: fill io->buffer(slot); io->start({slot, Direction::write, fd, offset, bytes});
//   int slot = io->finish();   // the block of this slot is done; its buffer is free (or holds what was read)
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace assay::bench {

enum class Engine {
  io_uring,  ///< up to queue_depth blocks under way
  posix,     ///< pread and pwrite, one block at a time
};
/// "io_uring", "posix"
Engine parse_engine(const std::string& name);

/// Why the kernel does not let this process use io_uring (old, or forbidden in a container); empty: it does.
std::string io_uring_unsupported();

enum class Direction { read, write };

/// One block that is to be read or written.
struct BlockRequest {
  int slot = 0;  ///< whose buffer; free until now
  Direction direction = Direction::read;
  int descriptor = -1;
  std::uint64_t offset = 0;
  std::size_t bytes = 0;                        ///< at most the engine's block_bytes
  const std::filesystem::path* file = nullptr;  ///< for messages; outlives the request
};

struct BlockIoSettings {
  Engine engine = Engine::io_uring;
  int queue_depth = 16;                            ///< slots; posix has one, whatever is given
  std::size_t block_bytes = std::size_t{1} << 20;  ///< of the largest block
};

class BlockIo {
 public:
  explicit BlockIo(const BlockIoSettings& settings);
  /// Waits for what is under way: the kernel still holds the buffers.
  virtual ~BlockIo() = default;
  BlockIo(const BlockIo&) = delete;
  BlockIo& operator=(const BlockIo&) = delete;

  int slots() const { return slots_; }
  /// Aligned for O_DIRECT (to a huge page where one fits), touched already.
  std::byte* buffer(int slot) const { return memory_.get() + static_cast<std::size_t>(slot) * stride_; }
  std::size_t block_bytes() const { return block_bytes_; }
  /// The buffers lie on huge pages: a device then gets a large block as one request, not as several.
  bool huge_pages() const { return huge_pages_; }
  int under_way() const { return under_way_; }

  /// Hands a block to the kernel, or is about to: the engine may gather requests until finish(). Throws Error
  /// (posix: that of the operation itself).
  virtual void start(const BlockRequest& request) = 0;
  /// Waits until a block is wholly done (short transfers are continued, interruptions repeated) and returns
  /// its slot. Something must be under way. Throws Error: a failed operation, a file that ends early.
  virtual int finish() = 0;
  /// Waits for all that is under way and forgets its results; for use after an Error.
  virtual void abandon() noexcept = 0;
  /// What carries the blocks: "io_uring with registered buffers"
  virtual std::string description() const = 0;

 protected:
  int slots_;
  int under_way_ = 0;

 private:
  struct FreeMemory {
    void operator()(std::byte* memory) const;
  };
  std::size_t block_bytes_;
  std::size_t stride_;
  bool huge_pages_ = false;
  std::unique_ptr<std::byte[], FreeMemory> memory_;
};

/// Throws Error(cannot_run) where the engine cannot be had.
std::unique_ptr<BlockIo> make_block_io(const BlockIoSettings& settings);

/// Runs `count` blocks through the engine, as many at once as it takes. `request(i, slot)` says what block i
/// is and fills the slot's buffer when it is to be written; `done(i, slot, seconds)` gets each finished
/// block, with the time since it was started when `now_s` is given (else 0). When `go_on` is given and
/// answers false, no further block is started. Returns how many blocks were done: the first so many. Throws
/// Error, with nothing under way.
std::int64_t run_blocks(BlockIo& io, std::int64_t count,
                        const std::function<BlockRequest(std::int64_t, int)>& request,
                        const std::function<void(std::int64_t, int, double)>& done,
                        const std::function<double()>& now_s = {}, const std::function<bool()>& go_on = {});

}  // namespace assay::bench
