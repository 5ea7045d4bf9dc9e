#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

// The stand-in runs one thread with one epoll, and speaks TCP on the loopback with as few system calls as it
// takes.
namespace bench {

using Nanos = std::int64_t;
constexpr Nanos millisecond = 1'000'000;
constexpr Nanos second = 1'000 * millisecond;
Nanos now();  // monotonic

class Connection;
class Loop;

class ConnectionOwner {
  public:
    virtual ~ConnectionOwner() = default;
    virtual void received(Connection& connection, Nanos at) = 0;  // `input` has something new
    virtual void closed(Connection& connection) = 0;              // it is gone after this call
};

class Connection {
  public:
    Connection(Loop& loop, int fd, ConnectionOwner& owner) : loop_(loop), fd_(fd), owner_(&owner) {}
    std::string_view input() const { return std::string_view{in_}.substr(begin_); }
    char* input_data() { return in_.data() + begin_; }
    void consume(std::size_t bytes);
    // What is put here leaves with everything else of this turn, in one write.
    std::string& output();
    void close();
    // Closes the connection for an owner that will be gone by then.
    void abandon() {
        owner_ = nullptr;
        close();
    }

    bool websocket = false;  // for the owner to set
    std::uint64_t tag = 0;

  private:
    friend class Loop;
    Loop& loop_;
    int fd_;
    ConnectionOwner* owner_;  // null once the owner has let go
    std::string in_;
    std::size_t begin_ = 0;
    std::string out_;
    bool dirty_ = false;
    bool blocked_ = false;
    bool closing_ = false;
};

class Loop {
  public:
    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    // Listens on 127.0.0.1 (port 0: any) and returns the port. Throws std::system_error.
    std::uint16_t listen(std::uint16_t port, ConnectionOwner& owner);
    Connection& connect(std::uint16_t port, ConnectionOwner& owner);
    void watch(int fd, std::function<void()> readable);
    // Waits until something happens or `wake_at`, then deals with all of it.
    void turn(Nanos wake_at);
    // Writes what was put out outside of `turn`.
    void flush();

  private:
    friend class Connection;
    Connection& adopt(int fd, ConnectionOwner& owner);
    void accept_all(int fd, ConnectionOwner& owner);
    void read(Connection& connection);
    void write(Connection& connection);
    void bury();

    int epoll_;
    std::array<char, 64 * 1024> buffer_{};
    std::unordered_map<int, std::unique_ptr<Connection>> connections_;
    std::unordered_map<int, std::function<void()>> watched_;
    std::vector<Connection*> dirty_;
    std::vector<int> dead_;
};

}  // namespace bench
