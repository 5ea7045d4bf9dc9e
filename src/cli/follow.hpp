#pragma once
#include <string>

#include "cli/client.hpp"
#include "countersign/core/value.hpp"

namespace countersign::cli {

// Shows someone that a request is being waited for: one line redrawn in place on a terminal, a plain line
// per change elsewhere. On stderr.
class Progress {
  public:
    explicit Progress(Client& client);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    void shows(const core::Value& request);
    void trouble(const Failure& failure);
    void redraw();  // time left moves on
    void clear();   // before anything else is printed

  private:
    void draw(std::string line);

    Client& client_;
    bool live_;
    bool drawn_ = false;
    bool troubled_ = false;
    std::string last_plain_;
    std::string told_unannounced_;
    core::Value request_;
};

// A key for one POST and its repetitions.
std::string fresh_key(Client& client);

// Files a request. Repeats until the server answers or `give_up_after` has passed; a repeat cannot file it
// twice. Any answer but a request is a failure. `key`: an idempotency key.
Result<core::Value> file_request(Client& client, const core::Value& body, const std::string& key,
                                 core::Duration give_up_after, Progress& progress);

// The request once it is not pending any more. Goes on through restarts and outages of the server, until
// failures have gone on for `unreachable_after` without a break. A long poll that something on the way cuts
// is no failure: the next ones are shorter. `id`: as `request_name` gives it.
Result<core::Value> follow(Client& client, const std::string& id, core::Duration unreachable_after,
                           Progress& progress);

// Asks the server to cancel; a failure says why it could not.
Result<core::Value> cancel(Client& client, const std::string& id, core::Duration give_up_after);

// "--unreachable-after": how long to go on without an answer.
Result<core::Duration> patience(const std::string& text, core::Duration otherwise);
inline constexpr core::Duration waiting_patience = std::chrono::minutes{10};
inline constexpr core::Duration filing_patience = std::chrono::seconds{30};
inline constexpr core::Duration asking_patience = std::chrono::seconds{5};

}  // namespace countersign::cli
