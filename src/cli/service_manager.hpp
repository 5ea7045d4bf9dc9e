#pragma once
#include <chrono>
#include <string>
#include <string_view>

namespace countersign::cli {

// The service manager that started this process, where there is one: systemd, by the protocol of
// sd_notify(3). Nothing is sent where the environment names no socket. Thread-safe.
class ServiceManager {
  public:
    ServiceManager();  // reads the environment, which must not change meanwhile
    void ready() const { tell("READY=1"); }
    void stopping() const { tell("STOPPING=1"); }
    void alive() const { tell("WATCHDOG=1"); }
    // How long it waits for `alive` before it takes this process for dead; 0: it does not wait for it.
    std::chrono::milliseconds patience() const { return patience_; }

  private:
    void tell(std::string_view state) const;

    std::string socket_;  // its address, a leading '@' for the abstract namespace; empty: there is none
    std::chrono::milliseconds patience_{0};
};

}  // namespace countersign::cli
