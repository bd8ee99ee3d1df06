// Being asked to stop: Ctrl-C and its kin end the running launch, never the evidence.
#pragma once

namespace assay {

/// Catches SIGINT, SIGTERM and SIGHUP while it lives (one at a time in a process).
class StopRequest {
 public:
  StopRequest();
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  /// Readable (poll) once a signal has come.
  int descriptor() const;
  /// The signal that came; 0: none.
  int signal() const;
};

}  // namespace assay
