import assert from 'node:assert/strict';
import { SubnetPool, subnetOf } from '../../../src/lib/docker/subnet-pool.js';

describe('a pool of subnets', () => {
  const take = (pool: SubnetPool) => pool.take() ?? assert.fail('all are taken');

  it('splits a network into /28 subnets', () => {
    const pool = new SubnetPool('172.29.0.0/16');
    assert.equal(pool.count, 4096);
    const { subnet } = take(pool);
    assert.deepEqual([subnet.cidr, subnet.gateway], ['172.29.0.0/28', '172.29.0.1']);
    assert.equal(take(pool).subnet.cidr, '172.29.0.16/28');
  });

  it('starts at the given number, and accepts any address within the network', () => {
    assert.equal(take(new SubnetPool('172.29.7.9/16', 4096 + 17)).subnet.cidr, '172.29.1.16/28');
    assert.equal(take(new SubnetPool('223.255.255.0/24', 15)).subnet.gateway, '223.255.255.241');
  });

  it('leases no subnet twice, and released ones last', () => {
    const pool = new SubnetPool('10.0.0.0/26');
    const first = take(pool);
    first.release();
    const later = [take(pool), take(pool), take(pool), take(pool)].map(({ subnet }) => subnet.cidr);
    assert.deepEqual(later, ['10.0.0.16/28', '10.0.0.32/28', '10.0.0.48/28', '10.0.0.0/28']);
    assert.equal(pool.take(), undefined);
  });

  it('reserves one address for the task and twelve for others', () => {
    const { subnet } = take(new SubnetPool('172.29.0.0/28'));
    assert.equal(subnet.taskAddress, '172.29.0.14');
    assert.equal(subnet.otherAddresses.length, 12);
    assert.deepEqual([subnet.otherAddresses[0], subnet.otherAddresses.at(-1)], ['172.29.0.2', '172.29.0.13']);
  });

  it('leases a given subnet again, with the same addresses', () => {
    const subnet = subnetOf('10.0.0.16/28') ?? assert.fail('it is one');
    const pool = new SubnetPool('10.0.0.0/26');
    const again = pool.reacquire('10.0.0.16/28') ?? assert.fail('it is free');
    assert.deepEqual(again.subnet, subnet);
    const others = [take(pool), take(pool), take(pool)].map(({ subnet: { cidr } }) => cidr);
    assert.deepEqual(others, ['10.0.0.0/28', '10.0.0.32/28', '10.0.0.48/28']);
    assert.equal(pool.take(), undefined);
    again.release();
    assert.equal(take(pool).subnet.cidr, '10.0.0.16/28');
  });

  it('does not lease a given subnet that is leased or is not one of its own', () => {
    const pool = new SubnetPool('10.0.0.0/26');
    const { subnet, release } = take(pool);
    assert.equal(pool.reacquire(subnet.cidr), undefined);
    release();
    assert.deepEqual(pool.reacquire(subnet.cidr)?.subnet, subnet);
    const foreign = ['10.0.0.64/28', '9.255.255.240/28', '10.0.0.8/28', '10.0.0.16/27', '10.0.0.16', 'fd00::/28', ''];
    for (const cidr of foreign) assert.equal(pool.reacquire(cidr), undefined, cidr);
  });

  it('throws for text that is not a network', () => {
    assert.throws(() => new SubnetPool('300.0.0.0/16'), /300\.0\.0\.0\/16 is not an IPv4 network/);
  });
});
