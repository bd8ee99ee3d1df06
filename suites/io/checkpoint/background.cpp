#include "suites/io/checkpoint/background.h"

#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include "reports/base/error.h"

namespace assay::bench {

BackgroundThread::BackgroundThread(const std::function<void()>& first) {
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    throw Error(ExitStatus::cannot_run, std::string("no thread to write beside training: ") + error.what(),
                "see the limit on processes (ulimit -u)");
  }
  std::exception_ptr failure;
  start([&] {
    try {
      first();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  wait();
  if (!failure) return;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  thread_.join();
  std::rethrow_exception(failure);
}

BackgroundThread::~BackgroundThread() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void BackgroundThread::start(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    job_ = std::move(job);
    done_ = false;
  }
  changed_.notify_all();
}

void BackgroundThread::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_.load(); });
}

void BackgroundThread::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ended_ || job_; });
    if (!job_) return;
    const std::function<void()> job = std::exchange(job_, nullptr);
    lock.unlock();
    job();
    lock.lock();
    done_ = true;
    changed_.notify_all();
  }
}

}  // namespace assay::bench
