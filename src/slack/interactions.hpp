#pragma once
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "countersign/adapters/slack.hpp"
#include "countersign/rt/tasks.hpp"
#include "countersign/wire/slack_card.hpp"
#include "countersign/wire/slack_payload.hpp"
#include "slack/directory.hpp"
#include "slack/sockets.hpp"
#include "slack/web_api.hpp"

namespace countersign::slack {

// The last so many texts it was given, by their 64-bit hashes: what chance mistakes for known is one in
// 10^14 of what comes.
class Remembered {
  public:
    explicit Remembered(std::size_t at_most) : at_most_(at_most) {}
    bool add(std::string_view text);  // false: it was there already

  private:
    std::size_t at_most_;
    std::deque<std::size_t> order_;
    std::unordered_set<std::size_t> hashes_;
};

// What people do in Slack becomes votes, and what came of it goes back to them. A vote's envelope is
// acknowledged after its commit, never before: an unacknowledged click shows a warning to whoever clicked.
class Interactions {
  public:
    static constexpr std::size_t in_flight_max = 512;  // envelopes; more stay unacknowledged
    static constexpr std::size_t events_max = 10'000;  // event ids remembered
    static constexpr std::size_t copies_max = 20'000;  // messages known to be cards
    static constexpr core::Duration acknowledge_within = std::chrono::milliseconds{2'200};
    static constexpr core::Duration read_back_within = std::chrono::seconds{10};

    Interactions(WebApi& api, SlackDirectory& directory, const app::Runtime& runtime, Parts parts,
                 const SlackSettings& settings, rt::asio::any_io_executor executor);

    void take(SocketPtr socket, wire::SlackEnvelope envelope);
    void knows_card(const app::MessageRef& message) { known_cards_.add(key_of(message)); }
    std::size_t in_flight() const { return tasks_.size(); }
    // Lets what is under way finish, until the deadline.
    rt::asio::awaitable<void> finish(core::Instant deadline);

  private:
    // One envelope and the way to answer it.
    struct Reply {
        SocketPtr socket;
        std::string envelope;
        bool accepts_payload = false;
        core::Instant received;
        bool acknowledged = false;
    };
    // A vote as a surface of Slack words it.
    struct Ballot {
        core::RequestId request;
        core::Verdict verdict = core::Verdict::approve;
        std::string reason;
        app::Origin origin;
    };
    // What came of it, and whether the envelope may still be acknowledged as done.
    struct Outcome {
        Result<app::Answer> answer;
        bool late = false;
    };

    rt::asio::awaitable<void> handle(Reply reply, std::string type, core::Value payload);
    rt::asio::awaitable<void> handle_event(Reply reply, core::Value payload);
    rt::asio::awaitable<void> handle_click(Reply reply, wire::SlackClick click);
    rt::asio::awaitable<void> handle_submission(Reply reply, wire::SlackSubmission submission);
    rt::asio::awaitable<void> handle_command(Reply reply, wire::SlackCommand command);

    rt::asio::awaitable<void> click_vote(Reply reply, wire::SlackClick click, core::RequestId request);
    rt::asio::awaitable<void> open_reason(Reply reply, wire::SlackClick click, core::RequestId request,
                                          core::Verdict verdict);
    rt::asio::awaitable<void> ask_reason(const wire::SlackClick& click, core::RequestId request,
                                         core::Verdict verdict, core::Instant received);
    rt::asio::awaitable<void> open_details(Reply reply, wire::SlackClick click, core::RequestId request,
                                           bool with_approve);
    rt::asio::awaitable<void> open_view(wire::SlackActor actor, wire::JsonText view, core::Instant received);
    rt::asio::awaitable<Outcome> vote(const wire::SlackActor& actor, Ballot ballot, core::Instant received);
    rt::asio::awaitable<void> note_copy(wire::SlackClick click, core::RequestId request);

    // Commands: what to answer, privately.
    rt::asio::awaitable<wire::SlackPrivate> answer_list(wire::SlackActor actor, std::string word,
                                                        core::Instant received);
    rt::asio::awaitable<wire::SlackPrivate> answer_show(std::string number, core::Instant received);
    rt::asio::awaitable<void> command_vote(Reply& reply, const wire::SlackCommand& command,
                                           core::Verdict verdict, std::string number, std::string reason);
    rt::asio::awaitable<wire::SlackPrivate> answer_cancel(const wire::SlackCommand& command,
                                                          std::string number, std::string reason,
                                                          core::Instant received);
    rt::asio::awaitable<void> command_link(Reply& reply, const wire::SlackCommand& command, std::string code);
    rt::asio::awaitable<void> click_link(Reply& reply, wire::SlackClick click);
    rt::asio::awaitable<void> command_confirm(Reply& reply, const wire::SlackCommand& command,
                                              std::string token);
    rt::asio::awaitable<void> click_confirm(Reply& reply, wire::SlackClick click);
    rt::asio::awaitable<wire::SlackPrivate> answer_away(wire::SlackActor actor, std::string words,
                                                        core::Instant received);
    Later<app::CasePtr> find(std::string number, Deadline deadline);

    rt::asio::awaitable<void> acknowledge(Reply& reply, const wire::JsonText* payload = nullptr);
    rt::asio::awaitable<void> answer(Reply& reply, const wire::SlackActor& actor, wire::SlackPrivate said);
    rt::asio::awaitable<void> tell(wire::SlackActor actor, wire::SlackPrivate said);
    bool ours(const wire::SlackActor& actor) const;
    core::AccountId account(const wire::SlackActor& actor) const;
    core::CardView view_of(const app::CaseNow& now);
    wire::SlackStyle style() const;
    static std::string key_of(const app::MessageRef& message) {
        return message.channel + "/" + message.message;
    }

    WebApi& api_;
    SlackDirectory& directory_;
    const app::Runtime& runtime_;
    Parts parts_;
    const SlackSettings& settings_;
    rt::TaskGroup tasks_;
    Remembered events_{events_max};
    Remembered known_cards_{copies_max};
};

// Long ids of a payload are folded, so that an origin never outgrows its column.
app::Origin folded_origin(std::string key);

// ---- commands, as words

struct CommandWords {
    std::string verb;    // lower case; "list" when nothing was typed
    std::string number;  // "1042" of "#1042", or a request id; empty: none
    std::string rest;    // what follows, trimmed
};
CommandWords read_command(std::string_view text);
std::string_view command_help();

// "until 2026-12-03 @ben", "off", or nothing: to be told how things stand.
struct AwayWords {
    enum class Kind : std::uint8_t { unclear, status, back, until } kind = Kind::unclear;
    core::Instant until;
    std::string instead;  // "ben", "<@U0BEN>"; empty: nobody
};
AwayWords read_away(std::string_view text, core::Instant now);
inline constexpr core::Duration away_max = std::chrono::days{366};

// What to tell a person whose vote was accepted.
std::string recorded_sentence(core::Verdict verdict, const app::CaseNow& now);
// What to tell when it was not.
std::string not_recorded_sentence(const Failure& failure);

}  // namespace countersign::slack
