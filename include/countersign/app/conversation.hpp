#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "countersign/app/batches.hpp"
#include "countersign/app/linking.hpp"
#include "countersign/app/readers.hpp"
#include "countersign/app/receipts.hpp"
#include "countersign/app/recently_seen.hpp"
#include "countersign/app/request_lists.hpp"
#include "countersign/app/requests.hpp"
#include "countersign/app/shown.hpp"
#include "countersign/app/sign_in.hpp"
#include "countersign/app/vote_questions.hpp"
#include "countersign/app/voting_tokens.hpp"
#include "countersign/core/card_sections.hpp"

// What people say and click in any chat, and what they are answered. The adapter of a chat turns what its
// service delivers into these values, and draws the replies.
namespace countersign::app {

// Somebody did something in a chat.
struct Act {
    core::AccountId account;  // as the chat authenticated it
    Origin origin;            // the same when the chat delivers the act twice
    core::Instant answer_by;  // until when the chat waits for an answer to it
    // Digest of the request on the card that was acted on, where the chat's buttons carry it.
    std::optional<std::string> shown_digest = {};
    std::string channel = {};                      // where it was done, by its id; empty: in none
    std::string typed_resource = {};               // for its name, where the policy asks for that
    std::optional<core::Instant> card_since = {};  // since when the message acted on is there, if known
    // Into the inputs of a dialog for numbers, in its order; blank, or as it was: it stays.
    std::vector<std::string> typed_numbers = {};
};

// The words of a command: "approve #1042, looks right" is {approve, 1042, looks right}. Blanks of any script
// part them. A number alone is {show, 1042}.
struct CommandWords {
    std::string verb;    // in lower case; "list" when nothing was said
    std::string number;  // without its '#' and what follows it, or a request's id; empty: none
    std::string rest;    // what follows, trimmed
};
CommandWords read_command(std::string_view text);
// Says whether the answer may take longer than a chat waits for one, so that the command is acknowledged
// first.
bool takes_long(const CommandWords& words);
// Each command with what it does, one a line, as people type them in this chat.
std::vector<std::string> command_help(core::Surface chat);

// "until 2026-12-03 @ben", "off", or nothing: to be told how things stand. The day is at most away_max ahead.
struct AwayWords {
    enum class Kind : std::uint8_t { unclear, status, back, until } kind = Kind::unclear;
    core::Instant until;
    std::string instead;  // "@ben", as it was typed; empty: nobody
    std::string problem;  // unclear: why, as a sentence; hostile as far as a renderer is concerned
};
AwayWords read_away(std::string_view text, core::Instant now);
inline constexpr core::Duration away_max = std::chrono::days{366};

using core::CardButton;
// This says how much of a request stood on the card that somebody clicked.
enum class CardExtent : std::uint8_t {
    whole,
    part,    // approving it takes the full view
    unknown  // the card does not say
};

// Somebody alone is asked this, and answers with yes or no.
struct Question {
    enum class About : std::uint8_t { link, voting_token, vote } about;
    std::string id;  // of the offer or the token; of a vote, VoteQuestion::text
    friend bool operator==(const Question&, const Question&) = default;
};

// ---- replies, each for the one person alone whose act it answers

// The vote is recorded, and the card tells the rest.
struct Silence {
    CasePtr now;  // as it became; never null
};
struct Lines {
    std::vector<std::string> text;  // hostile as far as a renderer is concerned
    // What was typed in a dialog is what is wrong: the dialog stays open for something else.
    enum class Wrong : std::uint8_t { nothing, reason, resource, number } wrong = Wrong::nothing;
    std::string title = "Not recorded";  // ours, where the lines answer a button or a dialog
};
struct PrivateCard {
    core::CardView card;
};
// A request's essence, and whether to approve it, by a button that stands for exactly what is shown, now. If
// the essence is not all that is asked for, it opens the full view.
struct ApproveQuestion {
    core::CardView card;
    std::string reason;  // that was given beforehand
    std::string note;    // said above it; empty: nothing
    bool whole = true;
};
struct YesNoQuestion {
    std::vector<std::string> lines;  // hostile as far as a renderer is concerned
    Question question;
};
struct ReasonDialog {
    core::RequestId request;
    core::Verdict verdict;
    std::int64_t number = 0;
    std::string about;     // the request in a few words; hostile as far as a renderer is concerned
    std::string resource;  // its name, which is to be typed; empty: it is not
    bool needs_reason = true;
    bool own = false;                           // they approve what they are behind
    std::vector<core::Lowerable> numbers = {};  // that may be lowered
    bool saw_all = false;                       // of `lower`: all that is asked for stood before them
};
struct FullView {
    core::CardView card;
    bool can_approve = false;
};

struct Reply {
    std::variant<Silence, Lines, RequestList, PrivateCard, ApproveQuestion, YesNoQuestion, ReasonDialog,
                 FullView, ApproveTogether, SignInNeeded>
        what;
    // It is known what became of the act, but past the time the chat waits: where the chat shows an act that
    // is not acknowledged as failed, it stays so, and the reply goes another way.
    bool late = false;
    // There is no request of the id that was acted on: see shows_nothing.
    bool of_no_request = false;
};

// Hears what the people of one chat do, and answers each of them. It belongs to the I/O thread.
class Conversation {
  public:
    static constexpr std::size_t copies_max = 20'000;  // messages known to be cards
    static constexpr core::Duration read_back_within = std::chrono::seconds{10};
    static constexpr core::Duration link_within = std::chrono::seconds{20};

    struct Parts {
        Requests& requests;
        Linking& linking;
        VotingTokens& voting_tokens;
        Roster& roster;
        OutboxStore& outbox;  // told of copies of cards
        ShownStore& shown;
        const ReceiptLinks* receipts = nullptr;      // nullptr: cards lead to none
        BatchStore* batches = nullptr;               // nullptr: no card lists several requests
        const SignInLinks* sign_in_links = nullptr;  // none: no OpenID provider is configured
    };
    // What is particular to one chat.
    struct Manner {
        core::Surface chat;
        std::function<bool(const core::CardView& card)> shows_everything;  // of what is asked, unshortened
        // Finds the account that a word mentions, or names by its handle; nullopt: none, or several.
        std::function<std::optional<core::AccountId>(std::string_view word)> mentioned;
        std::size_t listed_max = 10;  // requests on one page of a list
    };
    Conversation(const Runtime& runtime, Parts parts, Manner manner)
        : runtime_(runtime),
          parts_(parts),
          manner_(std::move(manner)),
          readers_(parts.roster, &parts.outbox) {}

    rt::asio::awaitable<Reply> command(Act act, CommandWords words);
    rt::asio::awaitable<Reply> press(Act act, core::RequestId request, CardButton button, CardExtent shown);
    // What was sent from a reason dialog or the full view. `shown`: how much of the request stood there; an
    // approval of what did not all stand there is answered with the full view.
    rt::asio::awaitable<Reply> submit(Act act, core::RequestId request, core::Verdict verdict,
                                      std::string reason, CardExtent shown);
    rt::asio::awaitable<Reply> ask_reason(Act act, core::RequestId request, core::Verdict verdict);
    rt::asio::awaitable<Reply> answer(Act act, Question question, bool agrees);
    // The button of an ApproveQuestion, which showed the request in this version. Where that is not on
    // record, or the request has gone on since, the question is asked again.
    rt::asio::awaitable<Reply> approve_asked(Act act, core::RequestId request, std::int32_t version,
                                             std::string reason);

    // Asks whoever said elsewhere that they vote. A refusal: it would not count. Nothing is recorded.
    Later<std::variant<Reply, core::Refusal>> question_of_vote(VoteAsked asked, Deadline deadline);

    // The button of a batch, and the answer to what it asks.
    rt::asio::awaitable<Reply> ask_to_approve_together(Act act, core::BatchId batch);
    rt::asio::awaitable<Reply> approve_together(Act act, std::vector<AskedAbout> asked);
    // How many pages of so many, one after the other, were put before this account; 0: none, or not known.
    rt::asio::awaitable<std::size_t> pages_seen(core::CardView card, core::AccountId account,
                                                std::size_t pages);
    // Page `page` (from 1 on) was put before them, and all those before it.
    rt::asio::awaitable<void> showed_page(core::CardView card, core::AccountId account, std::size_t page,
                                          std::size_t pages);

    // Reads what is to be shown to the person on their own page of this chat.
    Later<HomePage> home(core::AccountId account, Deadline deadline);

    // One that nobody knew of joins the request's other cards; of two that list it, one is retired.
    rt::asio::awaitable<void> saw_card(core::RequestId request, MessageRef message);
    rt::asio::awaitable<void> saw_list(core::RequestId request, MessageRef message);
    // Says whether this message shows a request that does not exist, as one lost at a failover. Only a
    // database that takes writes is believed: another one may not have heard of the request yet.
    rt::asio::awaitable<bool> shows_nothing(core::RequestId request, MessageRef message);
    void knows_card(const MessageRef& message) { known_cards_.add(key_of(message)); }
    bool is_known(const MessageRef& message) const { return known_cards_.has(key_of(message)); }

    core::CardView card_of(const CaseNow& now) const;
    // Adds to a pending request's card what was approved before it, where that can be read in time.
    rt::asio::awaitable<void> compare(core::CardView& card, const CaseNow& now, Deadline deadline);

    // A request as one person sees it.
    struct PersonalView {
        core::CardView card;
        bool can_never_approve = false;  // they are behind it, and no rule lets them approve it all the same
        std::optional<core::Verdict> voted;  // their latest vote
    };
    PersonalView view_of(const CaseNow& now, const core::AccountId& account) const;
    // Fails with not_found, forbidden (it is not theirs to read), or as stores do. `channel`: as in Act.
    Later<PersonalView> look(core::RequestId request, core::AccountId account, std::string channel,
                             Deadline deadline);
    // Looks at it as well, and compares it with what was approved before.
    Later<PersonalView> look_and_compare(core::RequestId request, core::AccountId account,
                                         std::string channel, Deadline deadline);

  private:
    struct Verb;
    struct Outcome {
        Result<Answer> answer;
        bool late = false;
    };
    rt::asio::awaitable<bool> saw_all(core::RequestId request, CardExtent shown, core::Instant until);
    rt::asio::awaitable<Reply> lower_by_command(Act act, CasePtr now, std::string words);
    static std::span<const Verb> verbs();
    friend std::vector<std::string> command_help(core::Surface chat);

    rt::asio::awaitable<Reply> list(Act act, CommandWords words);
    rt::asio::awaitable<Reply> mine(Act act, CommandWords words);
    rt::asio::awaitable<Reply> reviews(Act act, CommandWords words);
    rt::asio::awaitable<Reply> show(Act act, CommandWords words);
    rt::asio::awaitable<Reply> vote_by_command(Act act, CommandWords words);
    rt::asio::awaitable<Reply> cancel(Act act, CommandWords words);
    rt::asio::awaitable<Reply> link(Act act, CommandWords words);
    rt::asio::awaitable<Reply> confirm(Act act, CommandWords words);
    rt::asio::awaitable<Reply> away(Act act, CommandWords words);
    rt::asio::awaitable<Reply> help(Act act, CommandWords words);
    rt::asio::awaitable<Reply> answer_link(Act act, std::string offer, bool agrees);
    rt::asio::awaitable<Reply> answer_token(Act act, std::string token, bool agrees);
    rt::asio::awaitable<Reply> answer_vote(Act act, std::string question, bool agrees);

    // What whoever acts may read of a request; else not_found or forbidden. Guests see the card at most.
    struct Found {
        CasePtr now;
        Access access = Access::nothing;
    };
    Later<Found> find(const Act& act, std::string number);
    Later<Found> open_up(const Act& act, CasePtr now);
    Later<Found> read(const Act& act, core::RequestId request);
    // The request, where its card stands in that channel or the account may read all of it.
    Later<CasePtr> seen_by(core::RequestId request, core::AccountId account, std::string channel,
                           Deadline deadline);
    Reader reader_of(const core::AccountId& account, const std::string& channel) const;
    // While the database is away, these wait for it until the deadline.
    Later<CasePtr> stored(core::RequestId request, Deadline deadline);
    // A page of pending requests, all they may read or those that wait for them, after that one.
    Later<RequestList> pending_page(Reader reader, bool waiting, std::optional<std::int64_t> after,
                                    Deadline deadline);
    Later<RequestList> reviews_page(Reader reader, bool own, std::optional<std::int64_t> after,
                                    Deadline deadline);  // `own`: only where their review counts
    // The latest that the person is behind or voted on and may read, newest first.
    Later<std::vector<CasePtr>> latest_of(Reader reader, Deadline deadline);
    Later<std::vector<ListedRequest>> listed(std::vector<CasePtr> cases, core::AccountId account,
                                             Deadline deadline);
    rt::asio::awaitable<Reply> full_view(Act act, core::RequestId request);
    rt::asio::awaitable<Reply> approve_in_full(Act act, core::RequestId request);
    rt::asio::awaitable<Reply> ask_to_approve(Act act, CasePtr now, std::string reason, std::string note);
    rt::asio::awaitable<Reply> show_and_ask(Act act, CasePtr now, std::string reason, std::string note);
    std::optional<core::Refusal> would_refuse(const core::Cast& cast, const CaseNow& now) const;
    struct Together;
    rt::asio::awaitable<Together> put_before(Act act, core::RequestId request);
    struct OneVote;
    rt::asio::awaitable<OneVote> approve_one(Act act, AskedAbout asked);
    rt::asio::awaitable<Reply> approve_unshown(Act act, core::RequestId request, std::string reason);
    Reply ask_what_lacks(const Act& act, const CaseNow& now, core::Verdict verdict) const;
    rt::asio::awaitable<Outcome> vote(const Act& act, core::RequestId request, core::Verdict verdict,
                                      std::string reason, core::LoweringVote less = {});
    // Leads to the sign-in where the approval takes one; nullopt: it does not.
    std::optional<Reply> sign_in_reply(const Act& act, const Answer& answer, std::string reason) const;
    std::optional<core::AccountId> named(std::string_view word) const;
    // Says why somebody cannot be asked instead of whoever is away; empty: they can.
    rt::asio::awaitable<std::string> cannot_stand_in(core::AccountId other, std::string word,
                                                     core::AccountId away, Deadline deadline);
    rt::asio::awaitable<Reply> unknown_verb(Act act, CommandWords words);
    std::string typed(std::string_view words) const;
    static std::string key_of(const MessageRef& message) { return message.channel + "/" + message.message; }

    const Runtime& runtime_;
    Parts parts_;
    Manner manner_;
    Readers readers_;
    RecentlySeen known_cards_{copies_max};
};

}  // namespace countersign::app
