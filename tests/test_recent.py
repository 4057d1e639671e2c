"""A limited cache: the values used last are kept."""

from threading import Thread

from ifd_zoo.common.recent import Recent


def test_the_least_recently_used_value_goes_first():
    recent = Recent(most=3)
    for number in range(5):
        recent[number] = str(number)
        assert recent.get(0) == '0'
    assert dict(recent) == {3: '3', 4: '4', 0: '0'} and len(recent) == 3 and 1 not in recent


def test_the_sum_of_sizes_stays_below_the_limit_and_a_larger_value_is_not_kept():
    recent = Recent(10, size=len)
    for name in 'abc':
        recent[name] = name * 5
    recent['large'] = 'x' * 11
    assert list(recent) == ['b', 'c']
    recent['c'] = 'shorter'
    assert list(recent) == ['c']
    recent['d'] = 'xxx'
    assert list(recent) == ['c', 'd'] and recent.pop('c') == 'shorter' and recent.pop('c') is None
    recent['e'] = 'x' * 7
    assert list(recent) == ['d', 'e']


def test_threads_leave_the_count_right():
    recent = Recent(most=8)

    def work(start):
        for number in range(start, start + 2000):
            recent[number % 50] = number
            recent.get(number % 7)
            recent.pop(number % 11)

    threads = [Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(100, 120):
        recent[number] = number
    assert list(recent) == list(range(112, 120))
