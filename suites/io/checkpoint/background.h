// One thread beside the rank's own, as a training job has that writes its checkpoints. It lives as long as
// the case: starting a thread is no part of what is timed.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace assay::bench {

class BackgroundThread {
 public:
  /// Runs `first` on the new thread, and throws what it throws. Throws Error when there is no thread to be
  /// had.
  explicit BackgroundThread(const std::function<void()>& first);
  /// Waits for the job under way.
  ~BackgroundThread();
  BackgroundThread(const BackgroundThread&) = delete;
  BackgroundThread& operator=(const BackgroundThread&) = delete;

  /// The job before must be done. A job throws nothing.
  void start(std::function<void()> job);
  bool done() const { return done_; }
  void wait();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> job_;  ///< empty: none waits
  bool ended_ = false;
  std::atomic<bool> done_ = true;
  std::thread thread_;
};

}  // namespace assay::bench
