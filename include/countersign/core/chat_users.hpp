#pragma once
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/time.hpp"

// The users of one chat, as it last described them.
namespace countersign::core {

enum class AccountClass : std::uint8_t { member, guest, bot, deleted, foreign, unknown };
std::string_view name_of(AccountClass klass);

// Holds one account of a chat, as the chat last described it.
struct ChatUser {
    std::string id;  // "U0REQ"
    AccountClass klass = AccountClass::unknown;
    std::string name;   // for display only; neither unique nor stable
    std::string email;  // confirmed by the chat, else empty
    Instant as_of;
    std::string handle = {};  // what people type after an @, where the chat has such; it may change hands
    std::string zone = {};    // "Europe/Vienna", as the chat knows their time zone; empty: it does not
    friend bool operator==(const ChatUser&, const ChatUser&) = default;
};

// Makes "riley@example.com" of "Riley+ci@Example.com": both mostly reach one person. That is good for taking
// rights away, not for telling people apart.
std::string folded_email(std::string_view address);

// Holds the users of a chat, by id and by e-mail address. A copy shares everything, and a change then copies
// one shelf of some hundred: a snapshot of 50,000 users costs microseconds.
class ChatUsers {
  public:
    const ChatUser* find(std::string_view id) const;  // nullptr: not known
    // Finds the users whose confirmed address this is, up to letter case and `+tag`.
    std::vector<const ChatUser*> with_email(std::string_view address) const;
    void put(ChatUser user);
    void put(std::vector<ChatUser> users);  // a page of them: each shelf is copied once
    std::size_t size() const { return size_; }
    void each(const std::function<void(const ChatUser&)>& see) const;

  private:
    static constexpr std::size_t shelves = 256;
    using Shelf = std::vector<std::shared_ptr<const ChatUser>>;  // by id
    struct Address {
        std::uint64_t hash;
        std::string user;
        friend auto operator<=>(const Address&, const Address&) = default;
    };
    using Addresses = std::vector<Address>;

    struct Readdressed {
        Address address;
        bool here = false;  // else: no longer
    };

    void put_on(Shelf& shelf, ChatUser user, std::vector<Readdressed>& readdressed);
    void readdress(const std::vector<Readdressed>& changes);

    // They are shared, because snapshots share what did not change between them.
    std::array<std::shared_ptr<const Shelf>, shelves> users_;
    std::array<std::shared_ptr<const Addresses>, shelves> addresses_;
    std::size_t size_ = 0;
};

}  // namespace countersign::core
