#pragma once
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/value.hpp"
#include "countersign/rt/clock.hpp"
#include "sandbox/feed.hpp"
#include "sandbox/team.hpp"

namespace countersign::sandbox {

inline constexpr std::size_t messages_per_channel_max = 20'000;
inline constexpr std::size_t ephemerals_per_user_max = 200;
inline constexpr std::size_t views_per_stack_max = 3;
inline constexpr std::chrono::seconds trigger_life{3};
inline constexpr std::chrono::minutes response_url_life{30};
inline constexpr int response_url_uses_max = 5;

// Allows one views.open or views.push within 3 s.
struct Trigger {
    std::string user;
    std::string view;  // of the modal that it was made in, if any
    core::Instant until;
    bool used = false;
};

struct ResponseUrl {
    std::string user;
    std::string channel;
    std::string message_ts;  // the message that replace_original means; empty for commands
    core::Instant until;
    int uses = 0;
};

// Holds a message that is "Only visible to you".
struct Ephemeral {
    std::string channel;
    std::string ts;
    core::Value message;
};

// Holds a modal or a home tab as one person has it open.
struct View {
    std::string user;
    core::Value body;    // as the API returns it
    core::Value errors;  // {block_id: text} from the last submission
};

// Holds the workspace's present state, on the one I/O thread, without waiting and without network. The feed
// is told of every change.
class Workspace {
  public:
    Workspace(std::string base_url, rt::asio::any_io_executor executor, const rt::Clock& clock,
              rt::Entropy& entropy);

    Team team;
    Feed feed;

    const std::string& base_url() const { return base_url_; }
    core::Instant now() const { return clock_.now(); }
    std::int64_t now_s() const;
    std::string next_ts();                 // unique and rising: "1795219301.417039"
    std::string word(std::size_t length);  // made of random letters and digits
    std::string uuid();

    // Finds a channel by id, "#name" or "name"; a user id means their direct messages (made when missing).
    // Returns nullptr where there is none.
    Channel* find_channel(std::string_view given);
    const User* find_user(std::string_view id) const;
    std::string channel_for(std::string_view user);  // returns the id of their direct messages with the bot

    // Stores the message, which has its ts, tells the feed, and returns it.
    const core::Value& put_message(Channel& channel, core::Value message, bool edited);
    bool remove_message(Channel& channel, const std::string& ts);
    const core::Value* find_message(std::string_view channel, std::string_view ts) const;

    const Ephemeral& put_ephemeral(std::string_view user, std::string_view channel, core::Value message);
    const Ephemeral* find_ephemeral(std::string_view user, std::string_view ts) const;
    bool replace_ephemeral(std::string_view user, std::string_view ts, std::optional<core::Value> message);
    const std::deque<Ephemeral>& ephemerals(std::string_view user) const;

    std::string new_trigger(std::string_view user, std::string_view view = {});
    Trigger* find_trigger(std::string_view id);
    std::string new_response_url(std::string_view kind, ResponseUrl use);
    ResponseUrl* find_response_url(std::string_view path);

    // Returns the stack of modals that a person sees, the front one last; views also answer to their
    // external_id.
    std::vector<std::string>& stack(std::string_view user);
    View* find_view(std::string_view id_or_external_id);
    View& add_view(std::string_view user, core::Value given, std::string_view previous,
                   std::string_view root);
    void set_view(View& view, const core::Value& given);  // makes a new hash, and keeps id and position
    void close_view(std::string_view id);
    void close_stack(std::string_view user);
    std::string home_of(std::string_view user) const;  // the view's id; empty where none was published
    void remember_home(std::string_view user, std::string_view view_id);
    void tell_views(std::string_view user);

  private:
    void forget_old();
    std::string new_hash();

    std::string base_url_;
    const rt::Clock& clock_;
    rt::Entropy& entropy_;
    std::int64_t last_ts_us_ = 0;
    std::map<std::string, std::deque<Ephemeral>, std::less<>> ephemerals_;
    std::map<std::string, Trigger, std::less<>> triggers_;
    std::map<std::string, ResponseUrl, std::less<>> response_urls_;
    std::map<std::string, View, std::less<>> views_;
    std::map<std::string, std::vector<std::string>, std::less<>> stacks_;
    std::map<std::string, std::string, std::less<>> homes_;
    core::Instant next_forget_{};
};

// Makes what a page shows of one message.
core::Value message_news(std::string_view channel, const core::Value& message);
// Escapes as Slack does what it was sent: stray `&`, `<` and `>` become entities, markup stays.
std::string escape_text(std::string_view text);

}  // namespace countersign::sandbox
