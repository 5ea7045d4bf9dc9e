#include "loop.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <system_error>

namespace bench {
namespace {

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

void set_no_delay(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

Nanos now() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<Nanos>(t.tv_sec) * second + t.tv_nsec;
}

void Connection::consume(std::size_t bytes) {
    begin_ += bytes;
    if (begin_ == in_.size()) {
        in_.clear();
        begin_ = 0;
    }
}

std::string& Connection::output() {
    if (!dirty_) {
        dirty_ = true;
        loop_.dirty_.push_back(this);
    }
    return out_;
}

void Connection::close() {
    if (closing_) return;
    closing_ = true;
    loop_.dead_.push_back(fd_);
}

Loop::Loop() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) fail("epoll_create1");
    prctl(PR_SET_TIMERSLACK, 1'000UL, 0UL, 0UL, 0UL);  // clicks at a fixed rate leave on time
}

Loop::~Loop() {
    for (auto& [fd, connection] : connections_) ::close(fd);
    ::close(epoll_);
}

std::uint16_t Loop::listen(std::uint16_t port, ConnectionOwner& owner) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) fail("socket");
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    auto address = loopback(port);
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("bind");
    if (::listen(fd, 1'024) != 0) fail("listen");
    socklen_t size = sizeof address;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) fail("getsockname");
    watch(fd, [this, fd, &owner] { accept_all(fd, owner); });
    return ntohs(address.sin_port);
}

void Loop::accept_all(int fd, ConnectionOwner& owner) {
    while (true) {
        int peer = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (peer < 0) return;
        set_no_delay(peer);
        adopt(peer, owner);
    }
}

Connection& Loop::connect(std::uint16_t port, ConnectionOwner& owner) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    auto address = loopback(port);
    // On the loopback a connection is there or refused at once, so this does not wait.
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        auto error = errno;
        ::close(fd);
        errno = error;
        fail("connect");
    }
    set_no_delay(fd);
    return adopt(fd, owner);
}

Connection& Loop::adopt(int fd, ConnectionOwner& owner) {
    auto& place = connections_[fd];
    place = std::make_unique<Connection>(*this, fd, owner);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP;
    event.data.fd = fd;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
    return *place;
}

void Loop::watch(int fd, std::function<void()> readable) {
    watched_[fd] = std::move(readable);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
}

void Loop::turn(Nanos wake_at) {
    flush();
    auto wait = std::max<Nanos>(wake_at - now(), 0);
    timespec timeout{.tv_sec = wait / second, .tv_nsec = wait % second};
    std::array<epoll_event, 128> events{};
    int ready = epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
    for (int i = 0; i < ready; ++i) {
        auto& event = events[static_cast<std::size_t>(i)];
        int fd = event.data.fd;
        if (auto watched = watched_.find(fd); watched != watched_.end()) {
            watched->second();
            continue;
        }
        auto found = connections_.find(fd);
        if (found == connections_.end() || found->second->closing_) continue;
        if ((event.events & EPOLLOUT) != 0) write(*found->second);
        if ((event.events & ~static_cast<unsigned>(EPOLLOUT)) != 0) read(*found->second);
    }
    flush();
}

void Loop::read(Connection& connection) {
    if (connection.begin_ > 0) {
        connection.in_.erase(0, connection.begin_);
        connection.begin_ = 0;
    }
    // All connections read through one buffer: each of the thousands keeps only what it was sent.
    auto got = recv(connection.fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got > 0) {
        connection.in_.append(buffer_.data(), static_cast<std::size_t>(got));
        if (connection.owner_ != nullptr) connection.owner_->received(connection, now());
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        connection.close();
    }
}

void Loop::write(Connection& connection) {
    while (!connection.out_.empty()) {
        auto sent =
            send(connection.fd_, connection.out_.data(), connection.out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) break;
        connection.out_.erase(0, static_cast<std::size_t>(sent));
    }
    bool blocked = !connection.out_.empty();
    if (blocked && errno != EAGAIN && errno != EINTR) {
        connection.close();
        return;
    }
    if (blocked == connection.blocked_) return;
    connection.blocked_ = blocked;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP | (blocked ? static_cast<unsigned>(EPOLLOUT) : 0U);
    event.data.fd = connection.fd_;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd_, &event);
}

void Loop::flush() {
    auto dirty = std::move(dirty_);
    dirty_.clear();
    for (auto* connection : dirty) {
        connection->dirty_ = false;
        if (!connection->closing_) write(*connection);
    }
    bury();
}

void Loop::bury() {
    auto dead = std::move(dead_);
    dead_.clear();
    for (int fd : dead) {
        auto found = connections_.find(fd);
        if (found == connections_.end()) continue;
        auto connection = std::move(found->second);
        connections_.erase(found);
        std::erase(dirty_, connection.get());
        if (connection->owner_ != nullptr) connection->owner_->closed(*connection);
        ::close(fd);
    }
}

}  // namespace bench
