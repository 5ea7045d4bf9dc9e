#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "cli/client.hpp"
#include "countersign/core/request.hpp"
#include "countersign/core/value.hpp"

// Asks whether one call of a tool may run, now: files a request or finds the one that was filed for the same
// call before, waits, and claims what was approved. One claim is one run.
namespace countersign::cli {

// A repeated call looks for the request that is still open among so many that were filed for it before;
// past them it is a request of its own.
inline constexpr std::size_t repetitions_max = 64;

struct Wanted {
    core::Value body;     // as POST /v1/requests takes it
    std::string digest;   // worked out here
    std::string session;  // whose repetition finds the request again: host, conversation
    core::Instant until;  // no answer is of use after it
    core::Duration unreachable_after{std::chrono::seconds{10}};
    std::function<void(const core::Value&)> on_wait = {};  // each version of the pending request
    // Whoever asks can do what an approver lowered, with the parameters of the permission. Else they are told
    // to make the lowered call themselves.
    bool takes_less = false;
};

struct Permission {
    enum class Word : std::uint8_t {
        granted,
        denied,   // by a person
        refused,  // by policy
        ended,    // it expired, lapsed, or was cancelled
        pending,  // nobody has decided yet; the request stays open
        lowered,  // less was approved, or is asked for now: the very call that was lowered gets it
        unknown,  // there is no answer: the server cannot be reached, or does not take the request
    } word = Word::unknown;
    bool by_people = false;  // some person approved, and not policy alone
    std::string request;     // "req_…"; empty where none is known
    std::string text;        // what happened and what to do, for whoever asked; printable
    // Granted with these instead of what was asked for, because an approver lowered it; absent: as asked.
    std::optional<core::Value> parameters = {};
};

// The answer fails closed: every failure is `unknown` with its reason.
class Permissions {
  public:
    explicit Permissions(Client& client) : client_(client) {}
    rt::asio::awaitable<Permission> ask(Wanted wanted);
    // These return the request as it is afterwards.
    Later<core::Value> withdraw(std::string id, core::Duration give_up_after);
    Later<core::Value> report(std::string id, bool failed, std::string detail, core::Duration give_up_after);
    std::string random_text();

  private:
    struct Filed {
        core::Value request;
        bool repeat = false;
    };
    Later<Filed> file(const Wanted& wanted, std::string key);
    Later<core::Value> decided(const Wanted& wanted, core::Value request);
    // Nothing: another run has claimed it.
    Later<std::optional<Permission>> claim(const Wanted& wanted, const core::Value& request);
    Later<Done> trust(const Wanted& wanted, const std::string& id, const std::string& grant);
    Later<core::Value> post(Call call, core::Duration give_up_after);
    Later<Permission> search(const Wanted& wanted);
    Later<Permission> lowered(const Wanted& wanted, const core::Value& request);
    Later<core::Value> look_up(const Wanted& wanted, std::string id);
    Later<std::optional<Permission>> noted(const Wanted& wanted, std::string id);
    core::Duration left(const Wanted& wanted) const;

    Client& client_;
    // The server's keys as they were last read, so that a gate does not read them for every call.
    core::Value keys_;
    core::Instant keys_read_at_{};
};

// What a request says about a call of a tool. The same call has the same body each time it is asked.
struct ToolCall {
    std::string action;
    std::string resource;
    std::string environment;  // may be empty
    core::Value parameters;
    std::vector<std::pair<std::string, std::string>> labels;
    std::vector<std::string> on_behalf_of;
};
core::Value body_of(const ToolCall& call);
std::string digest_of(const ToolCall& call);

}  // namespace countersign::cli
