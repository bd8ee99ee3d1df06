#include "suites/io/random/random.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "suites/harness/agreement.h"
#include "suites/harness/recorder.h"
#include "suites/io/random/order.h"
#include "suites/io/support/block_io.h"
#include "suites/io/support/cache_guard.h"
#include "suites/io/support/memory_size.h"
#include "suites/io/support/pattern.h"
#include "suites/io/support/storage_check.h"
#include "suites/io/support/storage_error.h"
#include "suites/io/support/workspace.h"

namespace assay::bench {

namespace {

/// Files are opened when they are first read; of a set of thousands only so many stay open.
class OpenFiles {
 public:
  using File = std::shared_ptr<const OpenFile>;
  static constexpr std::size_t most_open = 256;

  File get(std::uint64_t number, const std::function<OpenFile()>& open) {
    if (const auto found = files_.find(number); found != files_.end()) return found->second;
    if (files_.size() >= most_open) {  // one that is being read is closed when its reads are done
      files_.erase(oldest_.front());
      oldest_.pop_front();
    }
    oldest_.push_back(number);
    return files_[number] = std::make_shared<const OpenFile>(open());
  }
  void clear() {
    files_.clear();
    oldest_.clear();
  }

 private:
  std::map<std::uint64_t, File> files_;
  std::deque<std::uint64_t> oldest_;
};

class Random final : public PassCase {
 public:
  Random(const Parameters& parameters, const Context& context)
      : context_(context),
        group_(context.group),
        fault_(context.fault),
        storage_(text(parameters, "storage")),
        epoch_(text(parameters, "pattern") == "data_loader"),
        engine_(parse_engine(text(parameters, "engine"))),
        queue_depth_(static_cast<int>(integer(parameters, "queue_depth"))),
        direct_(flag(parameters, "direct")),
        block_bytes_(static_cast<std::uint64_t>(integer(parameters, "block"))),
        sample_bytes_(static_cast<std::uint64_t>(integer(parameters, "sample_bytes"))),
        operations_(static_cast<std::uint64_t>(integer(parameters, "operations"))),
        ram_bytes_(ram_bytes_of_nodes(context.group)) {
    set_.shards = static_cast<int>(integer(parameters, "shards"));
    set_.shard_bytes =
        static_cast<std::uint64_t>(integer(parameters, "bytes")) / static_cast<std::uint64_t>(set_.shards);
  }

  /// Passes until time is up: the percentiles want many operations.
  PassLimits limits() const override { return {0, 2, 1 << 20, "read"}; }

  void prepare() override {
    Workspace::Options options;
    options.shared = false;  // local disks serve too, each node with files of its own
    workspace_ = std::make_unique<Workspace>(
        context_, storage_,
        Workspace::Need{set_.shard_bytes * static_cast<std::uint64_t>(set_.shards),
                        static_cast<std::uint64_t>(set_.shards)},
        options);
    pattern_.emplace(mix_bits(context_.seed) ^ workspace_->identity());
    find_peers();
    agree_or_throw(group_, [&] { write_files(); });
    io_ = make_block_io({engine_, queue_depth_, static_cast<std::size_t>(block_bytes_)});
    in_slot_.resize(static_cast<std::size_t>(io_->slots()));
  }

  void poison() override {
    for (int slot = 0; slot < io_->slots(); ++slot)
      std::fill_n(io_->buffer(slot), block_bytes_, std::byte{0xFF});
  }

  void pass(Recorder& recorder) override {
    const std::uint64_t key = mix_bits(context_.seed) ^ mix_bits(static_cast<std::uint64_t>(recorder.pass()));
    // In an epoch the readers share one order, of which each takes its part.
    order_ = epoch_ ? epoch_order(set_, own_, sample_bytes_, block_bytes_, operations_, key)
                    : uniform_order(set_, source_, block_bytes_, operations_,
                                    mix_bits(key + static_cast<std::uint64_t>(group_.rank())));
    together([&] {
      if (fault_ == Fault::wrong_element && group_.rank() == group_.size() - 1) spoil(order_.front());
    });
    together([&] {
      for_guarded_files([&](const std::string& name) { cache_.before(*workspace_, name, whole_file()); });
    });
    poison();
    std::string problem;
    recorder.time("read", [&] {
      try {
        read(recorder);
      } catch (const std::exception& failure) {
        problem = failure.what();
      }
    });
    give_up_on(agree_on(group_, problem));
    together([&] {
      for_guarded_files([&](const std::string& name) { cache_.after(*workspace_, name, whole_file()); });
    });
    cache_.agree(group_);
    expected_ += order_.size() * block_bytes_;
  }

  Check check() override {
    Comparison all = compared_;
    for (std::size_t slot = 0; slot < in_slot_.size(); ++slot) {
      // What the last reads left in memory; what the timed part saw already is not counted again.
      if (in_slot_[slot].file == nullptr || compared_.wrong > 0) continue;
      all.add(0, compare(in_slot_[slot].place, io_->buffer(static_cast<int>(slot))),
              name_of(in_slot_[slot].place.file));
    }
    return storage_check(group_, all, expected_, "each block as the timed reads delivered it");
  }

  std::vector<FigureOfMerit> figures() const override {
    const double blocks = static_cast<double>(order_.size()) * group_.size();
    const double bytes = blocks * static_cast<double>(block_bytes_);
    const auto rate = [](const char* name, double work, const char* unit) {
      return FigureOfMerit{name, work, unit, Better::higher, Reduce::median, std::nullopt, "read"};
    };
    const auto latency = [](const char* name, Reduce reduce) {
      return FigureOfMerit{name, std::nullopt, "s", Better::lower, reduce, std::nullopt, "operation"};
    };
    std::vector<FigureOfMerit> all = {rate("iops", blocks, "IOPS"), rate("read", bytes, "B/s"),
                                      latency("p50", Reduce::median), latency("p99", Reduce::p99),
                                      latency("p99_9", Reduce::p99_9)};
    if (epoch_) all.push_back(rate("samples", bytes / static_cast<double>(sample_bytes_), "sample/s"));
    return all;
  }

  std::map<std::string, std::string> path() const override {
    std::map<std::string, std::string> path = workspace_->path();
    path["engine"] = io_->description();
    path["cache"] = direct_ ? "O_DIRECT" : "page cache, dropped before each pass";
    path["read_from"] = read_from_;
    const double bytes = static_cast<double>(set_.shard_bytes) * set_.shards * group_.size();
    if (bytes < 1.5 * static_cast<double>(ram_bytes_) || ram_bytes_ == 0)
      path["acceptance"] = "no: the files are smaller than 1.5 x RAM of the nodes";
    else
      path["acceptance"] = "yes";
    cache_.add_to(path);
    return path;
  }

  std::map<std::string, double> metrics() const override {
    std::map<std::string, double> metrics{{"operations_of_a_rank", static_cast<double>(order_.size())},
                                          {"ram_of_nodes_bytes", static_cast<double>(ram_bytes_)}};
    cache_.add_to(metrics);
    return metrics;
  }

  /// A wrong byte within a file is planted before each pass (spoil()); here some in memory.
  void plant(Fault fault) override {
    if (fault == Fault::nan && group_.rank() == group_.size() - 1)
      std::fill_n(io_->buffer(0) + block_bytes_ / 2, 8, std::byte{0xFF});
  }

 private:
  struct InSlot {
    OpenFiles::File file;
    Place place;
  };

  FileRange whole_file() const { return {0, set_.shard_bytes}; }
  std::string name_of(std::uint64_t file) const {
    const auto shards = static_cast<std::uint64_t>(set_.shards);
    return "rank-" + std::to_string(peers_[file / shards]) + "-shard-" + std::to_string(file % shards);
  }
  /// The pattern's file number: that of the rank that wrote it.
  std::uint64_t pattern_file(std::uint64_t file) const {
    const auto shards = static_cast<std::uint64_t>(set_.shards);
    return static_cast<std::uint64_t>(peers_[file / shards]) * shards + file % shards;
  }
  std::optional<WrongByte> compare(const Place& place, const std::byte* buffer) const {
    return pattern_->compare(buffer, block_bytes_, pattern_file(place.file), place.offset);
  }

  /// Whose files this rank can read: all ranks', or those of its node where nodes have disks of their own.
  void find_peers() {
    const std::string& node = group_.node_of(group_.rank());
    for (int rank = 0; rank < group_.size(); ++rank) {
      if (!workspace_->shared() && group_.node_of(rank) != node) continue;
      if (group_.node_of(rank) == node) {
        if (rank == group_.rank()) local_index_ = locals_;
        ++locals_;
      }
      if (rank == group_.rank()) own_ = static_cast<int>(peers_.size());
      peers_.push_back(rank);
    }
    set_.writers = static_cast<int>(peers_.size());
    const bool over_nodes = workspace_->shared() && !group_.one_node();
    source_ = (own_ + (over_nodes ? group_.most_ranks_on_a_node() : 1)) % set_.writers;
    read_from_ = !workspace_->shared() ? "the node's own disk"
                 : over_nodes          ? "a file system that the nodes share"
                                       : "this node";
    read_from_ += epoch_ ? ", what all ranks wrote" : set_.writers > 1 ? ", what another rank wrote" : "";
  }

  void write_files() {
    constexpr std::size_t piece_bytes = std::size_t{1} << 20;
    const auto io = make_block_io({engine_, 8, piece_bytes});
    const bool silent = fault_ == Fault::silent_rank && group_.rank() == group_.size() - 1;
    for (int shard = 0; shard < set_.shards; ++shard) {
      const auto file_number = static_cast<std::uint64_t>(own_) * static_cast<std::uint64_t>(set_.shards) +
                               static_cast<std::uint64_t>(shard);
      OpenFile file = workspace_->create_file(name_of(file_number), O_RDWR | direct());
      file.preallocate(set_.shard_bytes);
      const auto pieces = static_cast<std::int64_t>((set_.shard_bytes + piece_bytes - 1) / piece_bytes);
      run_blocks(
          *io, pieces,
          [&](std::int64_t i, int slot) {
            const std::uint64_t offset = static_cast<std::uint64_t>(i) * piece_bytes;
            const std::size_t bytes = std::min<std::uint64_t>(piece_bytes, set_.shard_bytes - offset);
            pattern_->fill(io->buffer(slot), bytes, pattern_file(file_number), offset);
            if (silent) std::fill_n(io->buffer(slot), bytes, std::byte{0});
            return BlockRequest{slot, Direction::write, file.descriptor(), offset, bytes, &file.path()};
          },
          [](std::int64_t, int, double) {});
      file.sync();
      file.close();
    }
  }

  int direct() const { return direct_ ? O_DIRECT : 0; }

  OpenFile open(std::uint64_t number) const {
    OpenFile file = workspace_->open_file(name_of(number), O_RDONLY | direct());
    // Without it the kernel reads ahead, and later blocks come from memory.
    if (!direct_ && !epoch_) posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_RANDOM);
    return file;
  }

  void read(Recorder& recorder) {
    run_blocks(
        *io_, static_cast<std::int64_t>(order_.size()),
        [&](std::int64_t i, int slot) {
          InSlot& one = in_slot_[static_cast<std::size_t>(slot)];
          one.place = order_[static_cast<std::size_t>(i)];
          one.file = files_.get(one.place.file, [&] { return open(one.place.file); });
          return BlockRequest{slot,
                              Direction::read,
                              one.file->descriptor(),
                              one.place.offset,
                              static_cast<std::size_t>(block_bytes_),
                              &one.file->path()};
        },
        [&](std::int64_t, int slot, double seconds) {
          recorder.operation("operation", seconds);
          const Place& place = in_slot_[static_cast<std::size_t>(slot)].place;
          const auto wrong = compare(place, io_->buffer(slot));
          if (wrong) {
            compared_.add(block_bytes_, wrong, name_of(place.file));
          } else {
            compared_.bytes += block_bytes_;
          }
        },
        [&] { return recorder.now_s(); });
  }

  /// Changes one byte of a block that is about to be read.
  void spoil(const Place& place) const {
    const OpenFile file = workspace_->open_file(name_of(place.file), O_RDWR);
    const auto at = static_cast<off_t>(place.offset + block_bytes_ / 3);
    unsigned char byte = 0;
    if (pread(file.descriptor(), &byte, 1, at) != 1) throw storage_error("plant a fault", file.path(), errno);
    byte ^= 1U;
    if (pwrite(file.descriptor(), &byte, 1, at) != 1)
      throw storage_error("plant a fault", file.path(), errno);
  }

  /// The page cache is the node's: its ranks share the work of looking.
  void for_guarded_files(const std::function<void(const std::string&)>& work) const {
    const auto shards = static_cast<std::uint64_t>(set_.shards);
    for (std::uint64_t file = 0; file < set_.files(); ++file) {
      const bool mine =
          epoch_ ? file % static_cast<std::uint64_t>(locals_) == static_cast<std::uint64_t>(local_index_)
                 : file / shards == static_cast<std::uint64_t>(source_);
      if (mine) work(name_of(file));
    }
  }

  void together(const std::function<void()>& step) { give_up_on(agreed_failure(group_, step)); }

  /// On every rank alike; the files go before the exception, which may end the process.
  void give_up_on(const std::string& reason) {
    if (reason.empty()) return;
    files_.clear();
    workspace_->clear();
    throw AgreedError(reason);
  }

  Context context_;
  ProcessGroup& group_;
  Fault fault_;
  std::string storage_;
  bool epoch_;
  Engine engine_;
  int queue_depth_;
  bool direct_;
  std::uint64_t block_bytes_;
  std::uint64_t sample_bytes_;
  std::uint64_t operations_;
  std::uint64_t ram_bytes_;
  DataSet set_;
  std::vector<int> peers_;
  int own_ = 0;          ///< place of this rank among its peers
  int source_ = 0;       ///< place of the one whose files it reads
  int locals_ = 0;       ///< peers on this node
  int local_index_ = 0;  ///< place of this rank among them
  std::string read_from_;
  std::unique_ptr<Workspace> workspace_;
  std::optional<Pattern> pattern_;
  OpenFiles files_;
  std::vector<InSlot> in_slot_;
  std::unique_ptr<BlockIo> io_;  // goes before the files: it waits for what is under way
  std::vector<Place> order_;
  Comparison compared_;
  std::uint64_t expected_ = 0;  ///< bytes of all passes
  CacheGuard cache_{direct_};
};

}  // namespace

std::unique_ptr<Case> make_random(const Parameters& parameters, const Context& context) {
  return std::make_unique<Random>(parameters, context);
}

}  // namespace assay::bench
