#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/secret.hpp"
#include "countersign/core/value.hpp"
#include "countersign/net/http_server.hpp"
#include "sandbox/blocks.hpp"
#include "sandbox/limits.hpp"
#include "sandbox/sockets.hpp"
#include "sandbox/workspace.hpp"

namespace countersign::sandbox {

inline constexpr std::size_t journal_entries_max = 2'000;

// Makes a method ("*" for any) misbehave.
struct MethodFault {
    std::string method;
    int times = 1;
    std::string error;    // answered instead, with ok:false
    unsigned status = 0;  // answered instead
    int retry_after_s = 0;
    bool work = false;   // does the work all the same, so that the caller cannot know
    bool twice = false;  // does the work two times
    bool drop = false;   // cuts the connection then
    core::Duration delay{};
    core::Duration late{};  // does the work so long after the answer
    std::string body;       // answered instead, as text/html
};

// Holds what a method answers; `body` gets its "ok" from `yes` and `no`.
struct Answer {
    core::Value body;
    int retry_after_s = 0;
};

// Serves Slack's Web API over the workspace.
class WebApi {
  public:
    WebApi(Workspace& workspace, Sockets& sockets, Secret app_token, Secret bot_token, rt::Timers& timers);

    // Serves /api/<method>.
    rt::asio::awaitable<void> serve(net::HttpExchange& exchange, std::string_view method,
                                    std::string_view query);
    // Serves the paths of `response_url`s; false where it is none of them.
    rt::asio::awaitable<bool> serve_response_url(net::HttpExchange& exchange, std::string_view path);
    // Posts what a slash command's ack or a response_url holds.
    core::Value answer_to(const ResponseUrl& use, core::Value given);

    Limits limits;
    std::deque<MethodFault> faults;
    std::set<std::string> scopes;
    core::Value journal(std::string_view method) const;
    void forget_journal() { journal_.clear(); }
    std::uint64_t calls() const { return calls_; }

  private:
    using Args = core::Value;
    using Run = Answer (WebApi::*)(const Args&);
    struct Method {
        std::string_view name;
        Tier tier;
        bool json;
        std::string_view scope;
        Run run;
    };
    struct Called {
        std::string at;
        std::string method;
        core::Value args;
        std::string error;
        unsigned status = 200;
    };
    static const Method* find(std::string_view name);
    std::optional<MethodFault> take_fault(std::string_view method);
    Args read_args(const net::HttpRequest& request, const Method& method, std::string_view query,
                   std::vector<std::string>& warnings) const;
    Answer call(const Method& method, const net::HttpRequest& request, const Args& args);
    std::optional<Answer> refuse_token(const Method& method, const net::HttpRequest& request,
                                       const Args& args);
    rt::asio::awaitable<void> answer_with(net::HttpExchange& exchange, std::string_view name,
                                          const Args& args, Answer answer,
                                          const std::optional<MethodFault>& fault,
                                          std::vector<std::string> warnings);
    void note(std::string_view method, const Args& args, std::string_view error, unsigned status);

    Answer connections_open(const Args&);
    Answer auth_test(const Args&);
    Answer api_test(const Args&);
    Answer post_message(const Args&);
    Answer update(const Args&);
    Answer post_ephemeral(const Args&);
    Answer remove(const Args&);
    Answer permalink(const Args&);
    Answer react(const Args&);
    Answer channel_info(const Args&);
    Answer channel_list(const Args&);
    Answer channel_members(const Args&);
    Answer channel_open(const Args&);
    Answer channel_join(const Args&);
    Answer history(const Args&);
    Answer replies(const Args&);
    Answer user_info(const Args&);
    Answer user_list(const Args&);
    Answer user_profile(const Args&);
    Answer user_by_email(const Args&);
    Answer group_list(const Args&);
    Answer group_users(const Args&);
    Answer view_open(const Args&);
    Answer view_push(const Args&);
    Answer view_update(const Args&);
    Answer view_publish(const Args&);
    Answer blocks_validate(const Args&);

    std::optional<Answer> refuse_content(const Args& args, bool updating) const;
    std::optional<Answer> refuse_view(const core::Value& view, Surface surface, const View* self);
    std::optional<Answer> use_trigger(const Args& args, Trigger& used);
    core::Value message_from(const Args& args, std::string_view ts);
    Answer in_pages(core::Value::Array all, std::string_view name, const Args& args,
                    std::size_t page_default) const;
    bool with_email() const { return scopes.contains("users:read.email"); }

    Workspace& workspace_;
    Sockets& sockets_;
    Secret app_token_;
    Secret bot_token_;
    rt::Timers& timers_;
    std::uint64_t calls_ = 0;
    std::deque<Called> journal_;
};

// Make {"ok":true, …} and {"ok":false,"error":…}.
Answer yes(core::Value::Object members = {});
Answer no(std::string_view error);
Answer no_with(std::string_view error, const Complaints& complaints);

}  // namespace countersign::sandbox
