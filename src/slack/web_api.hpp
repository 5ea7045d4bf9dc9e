#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "countersign/adapters/slack.hpp"
#include "countersign/core/value.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/rt/clock.hpp"
#include "countersign/wire/json_text.hpp"
#include "slack/pacer.hpp"
#include "slack/workbench.hpp"

namespace countersign::slack {

enum class Method : std::uint8_t {
    connections_open,
    auth_test,
    post_message,
    update_message,
    post_ephemeral,
    views_open,
    views_publish,
    views_update,
    history,
    replies,
    conversations,
    users_info,
    usergroup_users,
    usergroups,
    users_list,
    users_profile,
    count
};

struct MethodFacts {
    std::string_view name;
    bool json;            // takes a JSON body; else form-encoded
    bool app_token;       // authorised by the app-level token
    bool changes;         // has effects: an unanswered call may have happened
    bool posts;           // one message a second and channel
    unsigned per_minute;  // documented rate; 0: none to speak of
    // A person waits for its answer: three tenths of the rate may go at once.
    bool awaited;
    Pacer::Rate rate() const { return {per_minute, awaited ? per_minute * 3 / 10 : 0}; }
};
const MethodFacts& facts(Method method);

// Slack's Web API: calling convention, pace and error classes. Failures: unauthenticated (a token or scope is
// wrong), invalid_input (refused for good), not_found, overloaded (with not_before), unavailable (nothing
// happened), timed_out (a method with effects may have happened). `code` is Slack's word where it gave one.
class WebApi {
  public:
    WebApi(const SlackSettings& settings, net::HttpClient& client, const rt::Clock& clock, rt::Timers& timers,
           rt::Entropy& entropy, Workbench& workbench);

    // `channel` chooses the lane of the pace; empty for methods without one. Waits for its turn no longer
    // than `patience`, and for the answer until the deadline.
    Later<core::Value> call(Method method, core::Value arguments, std::string channel, Deadline deadline,
                            std::optional<core::Duration> patience = {});
    // Calls a method that takes JSON, which most do.
    Later<core::Value> call(Method method, wire::JsonText arguments, std::string channel, Deadline deadline,
                            std::optional<core::Duration> patience = {});
    // Sends a message to a response_url. invalid_input: it is no place that Slack would name.
    Later<Done> respond(std::string url, wire::JsonText body, Deadline deadline);
    // Says whether a call of this method without a channel would go right now, as far as is known.
    bool open_now(Method method) const;
    const std::string& scopes() const { return scopes_; }  // of the bot token, as Slack last said
    // What people must do about the bot token, since a call was refused for its sake; empty: nothing.
    const std::string& problem() const { return problem_; }

    static constexpr std::size_t answer_bytes_max = 4 * 1024 * 1024;

  private:
    Later<core::Value> call_with(Method method, std::string body, std::string channel, Deadline deadline,
                                 std::optional<core::Duration> patience);
    Later<core::Value> send(Method method, std::string body, Deadline deadline, core::Duration& retry_after);
    Later<core::Value> read(Method method, std::string body);
    Result<Done> judge_status(Method method, const net::HttpResponse& response, core::Duration& retry_after);
    Result<core::Value> judge(Method method, Result<core::Value> parsed, const net::HttpResponse& response,
                              core::Duration& retry_after);
    core::Duration pause(const net::HttpResponse& response);
    void watch_token(const MethodFacts& its, std::string_view word);
    Result<Done> trusted(const net::Url& url) const;

    const SlackSettings& settings_;
    net::HttpClient& client_;
    const rt::Clock& clock_;
    rt::Timers& timers_;
    rt::Entropy& entropy_;
    Workbench& workbench_;
    Pacer pacer_;
    std::string scopes_;
    std::string problem_;
};

}  // namespace countersign::slack
