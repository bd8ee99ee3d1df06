#include "suites/io/stream/stream.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "suites/harness/agreement.h"
#include "suites/harness/mpi_library.h"
#include "suites/harness/recorder.h"
#include "suites/io/stream/layout.h"
#include "suites/io/stream/transfer.h"
#include "suites/io/support/block_io.h"
#include "suites/io/support/cache_guard.h"
#include "suites/io/support/memory_size.h"
#include "suites/io/support/pattern.h"
#include "suites/io/support/storage_check.h"
#include "suites/io/support/storage_error.h"
#include "suites/io/support/workspace.h"

namespace assay::bench {

namespace {

class Stream final : public PassCase {
 public:
  Stream(const Parameters& parameters, const Context& context)
      : context_(context),
        group_(context.group),
        fault_(context.fault),
        storage_(text(parameters, "storage")),
        engine_(text(parameters, "engine")),
        queue_depth_(static_cast<int>(integer(parameters, "queue_depth"))),
        direct_(flag(parameters, "direct")),
        sync_(flag(parameters, "fsync")),
        preallocate_(flag(parameters, "preallocate")),
        stonewall_s_(std::get<double>(parameters.find("stonewall")->second)),
        ram_bytes_(ram_bytes_of_nodes(context.group)),
        shift_(read_shift(context.group)) {
    layout_.sharing = parse_sharing(text(parameters, "layout"));
    layout_.ranks = group_.size();
    layout_.block_bytes = static_cast<std::uint64_t>(integer(parameters, "block"));
    auto bytes = static_cast<std::uint64_t>(integer(parameters, "bytes"));
    if (bytes == 0) bytes = acceptance_bytes(ram_bytes_, group_.size(), layout_.block_bytes);
    layout_.blocks = static_cast<std::int64_t>(bytes / layout_.block_bytes);
    source_ = (group_.rank() + shift_.ranks) % group_.size();
  }

  /// One pass is one run: whatever it takes.
  PassLimits limits() const override { return {0, 1, 1, ""}; }

  void prepare() override {
    const bool makes_a_file = !layout_.one_file() || group_.rank() == 0;
    const Workspace::Need need{static_cast<std::uint64_t>(layout_.blocks) * layout_.block_bytes,
                               makes_a_file ? 1U : 0U};
    Workspace::Options options;
    options.shared = !group_.one_node();
    workspace_ = std::make_unique<Workspace>(context_, storage_, need, options);
    transfer_ = make_transfer(group_, {engine_, queue_depth_, static_cast<std::size_t>(layout_.block_bytes),
                                       direct_, layout_.one_file()});
  }

  void poison() override {
    for (int i = 0; i < transfer_->buffers(); ++i)
      std::fill_n(transfer_->buffer(i), layout_.block_bytes, std::byte{0xFF});
  }

  void pass(Recorder& recorder) override {
    if (recorder.pass() > 0) {  // the files of the pass before
      workspace_->remove_files();
      group_.barrier();
    }
    // Other contents in every pass of every start: what an earlier one left behind is never right.
    pattern_.emplace(mix_bits(context_.seed) ^ workspace_->identity() ^
                     mix_bits(static_cast<std::uint64_t>(recorder.pass())));
    prefix_ = "pass-" + std::to_string(recorder.pass()) + "-";
    compared_ = Comparison();
    timed(recorder, "write", [&] { write(recorder); });
    together([&] { finish_writing(); });
    together([&] { cache_.before(*workspace_, name_of(source_), reach_of(source_)); });
    poison();
    timed(recorder, "read", [&] { read(); });
    together([&] { cache_.after(*workspace_, name_of(source_), reach_of(source_)); });
    cache_.agree(group_);
  }

  Check check() override {
    // What the last blocks of the timed read left in memory, again.
    Comparison all = compared_;
    for (int i = 0; i < transfer_->buffers(); ++i) {
      const std::int64_t block = transfer_->block_in(i);
      if (block < 0) continue;
      const auto wrong = compare(block, transfer_->buffer(i));
      // One that the timed read saw already is not counted again.
      all.add(0, compared_.wrong > 0 ? std::nullopt : wrong, name_of(source_));
    }
    return storage_check(group_, all, static_cast<std::uint64_t>(written_) * layout_.block_bytes,
                         "each block as the timed read delivered it");
  }

  std::vector<FigureOfMerit> figures() const override {
    const double bytes = static_cast<double>(bytes_of_all());
    return {{"write", bytes, "B/s", Better::higher, Reduce::median, std::nullopt, "write"},
            {"read", bytes, "B/s", Better::higher, Reduce::median, std::nullopt, "read"}};
  }

  std::map<std::string, std::string> path() const override {
    std::map<std::string, std::string> path = workspace_->path();
    path["engine"] = transfer_->description();
    path["cache"] = direct_ ? "O_DIRECT" : "page cache, dropped before the read";
    path["preallocated"] = preallocate_ ? transfer_->preallocated() : "no";
    path["read_from"] = shift_.what;
    const std::string reason = why_no_acceptance(bytes_of_all(), ram_bytes_, sync_);
    path["acceptance"] = reason.empty() ? "yes" : "no: " + reason;
    if (engine_ == "mpiio") path["mpi"] = mpi_library();
    cache_.add_to(path);
    return path;
  }

  std::map<std::string, double> metrics() const override {
    std::map<std::string, double> metrics = last_times_;
    metrics["bytes_of_all_ranks"] = static_cast<double>(bytes_of_all());
    metrics["ram_of_nodes_bytes"] = static_cast<double>(ram_bytes_);
    cache_.add_to(metrics);
    return metrics;
  }

  /// A wrong byte within the file is planted between write and read (between()); here one in memory.
  void plant(Fault fault) override {
    if (fault == Fault::nan && group_.rank() == group_.size() - 1)
      std::fill_n(transfer_->buffer(0) + layout_.block_bytes / 2, 8, std::byte{0xFF});
  }

 private:
  std::string name_of(int writer) const { return prefix_ + layout_.file_name(writer); }
  std::uint64_t bytes_of_all() const {
    return static_cast<std::uint64_t>(written_) * layout_.block_bytes *
           static_cast<std::uint64_t>(group_.size());
  }
  FileRange reach_of(int writer) const {
    if (layout_.sharing == Sharing::strided) return {0, layout_.end_of(group_.size() - 1, written_)};
    return {layout_.offset(writer, 0), static_cast<std::uint64_t>(written_) * layout_.block_bytes};
  }

  std::optional<WrongByte> compare(std::int64_t block, const std::byte* buffer) const {
    return pattern_->compare(buffer, layout_.block_bytes, layout_.file_number(source_),
                             layout_.offset(source_, block));
  }

  /// A step that any rank may fail at, outside the timed parts.
  void together(const std::function<void()>& step) { give_up_on(agreed_failure(group_, step)); }

  /// The time is the longest over all ranks from a common barrier; a failure is known to all after it.
  void timed(Recorder& recorder, const std::string& name, const std::function<void()>& work) {
    std::string problem;
    double own_s = 0;
    const double last_s = recorder.time(name, [&] {
      const double begin_s = recorder.now_s();
      try {
        work();
      } catch (const std::exception& failure) {
        problem = failure.what();
      }
      own_s = recorder.now_s() - begin_s;
    });
    give_up_on(agree_on(group_, problem));
    const double first_s = -group_.maximum(-own_s);
    recorder.add(name + "_first_done", first_s);
    last_times_[name + "_first_done_s"] = first_s;
    last_times_[name + "_last_done_s"] = last_s;
  }

  /// On every rank alike; the files go before the exception, which may end the process.
  void give_up_on(const std::string& reason) {
    if (reason.empty()) return;
    transfer_->abandon();
    workspace_->clear();
    throw AgreedError(reason);
  }

  /// Steps that may be collective within the timed part: with one file for all, or a stonewall, a rank that
  /// failed alone would be waited for.
  void step(const std::function<void()>& work) {
    if (!layout_.one_file() && stonewall_s_ <= 0) {
      work();
      return;
    }
    const std::string reason = agreed_failure(group_, work);
    if (!reason.empty()) throw Error(ExitStatus::cannot_run, reason);
  }

  void write(Recorder& recorder) {
    const double begin_s = recorder.now_s();
    const bool silent = fault_ == Fault::silent_rank && group_.rank() == group_.size() - 1;
    step([&] {
      transfer_->create(*workspace_, name_of(group_.rank()), preallocate_ ? layout_.file_bytes() : 0);
    });
    TransferJob job;
    job.count = layout_.blocks;
    job.offset = [&](std::int64_t block) { return layout_.offset(group_.rank(), block); };
    job.fill = [&](std::int64_t block, std::byte* buffer) {
      pattern_->fill(buffer, layout_.block_bytes, layout_.file_number(group_.rank()),
                     layout_.offset(group_.rank(), block));
      // A rank that writes nothing of what it should.
      if (silent) std::fill_n(buffer, layout_.block_bytes, std::byte{0});
    };
    written_ = layout_.blocks;
    if (stonewall_s_ > 0) {
      write_until_stonewall(recorder, begin_s, job);
    } else {
      step([&] { transfer_->write(job); });
    }
    if (sync_) step([&] { transfer_->sync(); });
    step([&] { transfer_->close(); });
  }

  /// No rank begins a block after the stonewall; then all write as much as the one that came furthest
  /// (IO500's rule), so that a slow rank is not excused. The time is that of all of it.
  void write_until_stonewall(Recorder& recorder, double begin_s, TransferJob& job) {
    const bool collective = engine_ == "mpiio" && layout_.one_file();
    job.go_on = [&] {
      const bool late = recorder.now_s() - begin_s >= stonewall_s_;
      return !(collective ? group_.any(late) : late);
    };
    std::int64_t own = 0;
    step([&] { own = transfer_->write(job); });
    written_ = std::max<std::int64_t>(1, std::llround(group_.maximum(static_cast<double>(own))));
    job.first = own;
    job.count = written_ - own;
    job.go_on = {};
    step([&] { transfer_->write(job); });
  }

  /// Untimed: whatever was asked for, the bytes are on the storage before anyone reads them.
  void finish_writing() {
    const OpenFile own = workspace_->open_file(name_of(group_.rank()), O_RDWR);
    if (fault_ == Fault::wrong_element && group_.rank() == group_.size() - 1) {
      const auto place =
          static_cast<off_t>(layout_.offset(group_.rank(), written_ / 2) + layout_.block_bytes / 3);
      unsigned char byte = 0;
      if (pread(own.descriptor(), &byte, 1, place) != 1)
        throw storage_error("plant a fault", own.path(), errno);
      byte ^= 1U;
      if (pwrite(own.descriptor(), &byte, 1, place) != 1)
        throw storage_error("plant a fault", own.path(), errno);
    }
    if (stonewall_s_ > 0 && !layout_.one_file()) own.truncate(layout_.end_of(group_.rank(), written_));
    own.sync();
  }

  void read() {
    step([&] { transfer_->open(*workspace_, name_of(source_)); });
    TransferJob job;
    job.count = written_;
    job.offset = [&](std::int64_t block) { return layout_.offset(source_, block); };
    job.examine = [&](std::int64_t block, const std::byte* buffer) {
      compared_.add(layout_.block_bytes, compare(block, buffer), name_of(source_));
    };
    step([&] { transfer_->read(job); });
    step([&] { transfer_->close(); });
  }

  Context context_;
  ProcessGroup& group_;
  Fault fault_;
  std::string storage_;
  std::string engine_;
  int queue_depth_;
  bool direct_;
  bool sync_;
  bool preallocate_;
  double stonewall_s_;
  std::uint64_t ram_bytes_;
  ReadShift shift_;
  StreamLayout layout_;
  int source_ = 0;  ///< the rank whose data this one reads
  std::unique_ptr<Workspace> workspace_;
  std::unique_ptr<Transfer> transfer_;
  std::optional<Pattern> pattern_;
  std::string prefix_;
  std::int64_t written_ = 0;  ///< blocks of each rank
  Comparison compared_;       ///< in the timed read
  CacheGuard cache_{direct_};
  std::map<std::string, double> last_times_;
};

}  // namespace

std::unique_ptr<Case> make_stream(const Parameters& parameters, const Context& context) {
  return std::make_unique<Stream>(parameters, context);
}

}  // namespace assay::bench
