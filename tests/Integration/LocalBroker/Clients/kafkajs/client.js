// kafkajs against a broker: one line "ok <what>" for each thing that held. Usage: node client.js HOST:PORT
'use strict'
const assert = require('node:assert')
const { Kafka, logLevel, CompressionTypes, ConfigResourceTypes, AssignerProtocol } = require('kafkajs')

const kafka = new Kafka({ clientId: 'js', brokers: [process.argv[2]], logLevel: logLevel.NOTHING })
const ok = what => console.log('ok', what)
const pause = ms => new Promise(done => setTimeout(done, ms))

async function until(what, holds) {
  for (const end = Date.now() + 20000; !(await holds());) {
    assert(Date.now() < end, what)
    await pause(30)
  }
}

// Reads `count` records of a topic in a group of its own; `prepare` may seek.
async function read(topic, count, options = {}, prepare = () => {}) {
  const consumer = kafka.consumer({ groupId: `read-${topic}-${Math.random()}`, maxWaitTimeInMs: 100, ...options })
  const found = []
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: options.fromBeginning !== false })
  await consumer.run({ eachMessage: async ({ partition, message }) => { found.push({ partition, ...message }) } })
  prepare(consumer)
  await until(`${count} of ${topic}, ${found.length} so far`, () => found.length >= count)
  await pause(150)
  await consumer.disconnect()
  return found
}

async function topics(admin) {
  const configEntries = [{ name: 'max.message.bytes', value: '5000' }]
  assert.equal(await admin.createTopics({ topics: [{ topic: 'js', numPartitions: 2, configEntries }] }), true)
  assert.equal(await admin.createTopics({ topics: [{ topic: 'js', numPartitions: 2 }] }), false)
  await admin.createPartitions({ topicPartitions: [{ topic: 'js', count: 3 }] })
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: 'js' }]
  const value = async name => (await admin.describeConfigs({ resources, includeSynonyms: true })).resources[0].configEntries.find(e => e.configName === name).configValue
  assert.equal(await value('max.message.bytes'), '5000')
  await admin.alterConfigs({ resources: [{ ...resources[0], configEntries: [{ name: 'retention.ms', value: '100000' }] }] })
  assert.equal(await value('retention.ms'), '100000')
  const { topics } = await admin.fetchTopicMetadata({ topics: ['js'] })
  assert.equal(topics[0].partitions.length, 3)
  assert((await admin.listTopics()).includes('js'))
  assert.equal((await admin.describeCluster()).brokers.length, 1)
  ok('topics')
}

async function codecs(admin) {
  for (const [name, compression] of [['none', CompressionTypes.None], ['gzip', CompressionTypes.GZIP]]) {
    const topic = `js-${name}`
    // Its records are of 1970: by time they would go at the broker's next look.
    await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries: [{ name: 'retention.ms', value: '-1' }] }] })
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    const messages = [...Array(300).keys()].map(i => ({ key: `k${i}`, value: `value ${i}`.repeat(20), timestamp: `${1000000 + i * 10}`, headers: { h: `${i}` } }))
    for (let i = 0; i < 300; i += 100) await producer.send({ topic, compression, acks: -1, messages: messages.slice(i, i + 100) })
    await producer.disconnect()
    const found = await read(topic, 300)
    assert.deepEqual(found.map(m => [m.offset, m.key.toString(), m.value.toString(), m.timestamp, m.headers.h.toString()]),
      messages.map((m, i) => [`${i}`, m.key, m.value, m.timestamp, m.headers.h]))
    assert.deepEqual(await admin.fetchTopicOffsets(topic), [{ partition: 0, offset: '300', high: '300', low: '0' }])
    assert.deepEqual(await admin.fetchTopicOffsetsByTimestamp(topic, 1002345), [{ partition: 0, offset: '235' }])
    const late = await read(topic, 29, {}, c => c.seek({ topic, partition: 0, offset: '271' }))
    assert.equal(late.at(-29).offset, '271')
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '100' }] })
    assert.equal((await admin.fetchTopicOffsets(topic))[0].low, '100')
    ok(`codec ${name}: from the beginning, an offset and a time; records deleted`)
  }
}

async function groups(admin) {
  const topic = 'js-group', groupId = 'js-group', seen = new Set(), shares = {}
  await admin.createTopics({ topics: [{ topic, numPartitions: 4 }] })
  const member = async name => {
    const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 200, rebalanceTimeout: 5000, maxWaitTimeInMs: 100 })
    consumer.on(consumer.events.GROUP_JOIN, e => { shares[name] = (e.payload.memberAssignment[topic] || []).length })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({ autoCommitInterval: 100, eachMessage: async ({ message }) => { seen.add(message.value.toString()) } })
    return async () => { delete shares[name]; await consumer.disconnect() }
  }
  const shared = (...expected) => until(`shares of ${expected}: ${JSON.stringify(shares)}`, () => Object.values(shares).sort().join() === expected.join())
  const first = await member('first')
  await shared(4)
  const second = await member('second')
  await shared(2, 2)
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic, messages: [...Array(200).keys()].map(i => ({ partition: i % 4, value: `${i}` })) })
  await producer.disconnect()
  await until('all is read', () => seen.size === 200)
  const described = (await admin.describeGroups([groupId])).groups[0]
  assert.equal(described.members.length, 2)
  assert.equal(AssignerProtocol.MemberAssignment.decode(described.members[0].memberAssignment).assignment[topic].length, 2)
  await second()
  await shared(4)
  await first()
  const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic] })
  assert.deepEqual(partitions.map(p => p.offset), ['50', '50', '50', '50'])
  await admin.setOffsets({ groupId, topic, partitions: [{ partition: 1, offset: '7' }] })
  assert.equal((await admin.fetchOffsets({ groupId, topics: [topic] }))[0].partitions.find(p => p.partition === 1).offset, '7')
  await admin.resetOffsets({ groupId, topic, earliest: true })
  assert.equal((await admin.fetchOffsets({ groupId, topics: [topic], resolveOffsets: true }))[0].partitions[0].offset, '0')
  assert((await admin.listGroups()).groups.some(g => g.groupId === groupId))
  await admin.deleteGroups([groupId])
  assert(!(await admin.listGroups()).groups.some(g => g.groupId === groupId))
  ok('groups: members come and go, offsets are set, reset and deleted')
}

async function transactions(admin) {
  const topic = 'js-tx', groupId = 'js-tx-group'
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }, { topic: 'js-in', numPartitions: 1 }] })
  const producer = kafka.producer({ transactionalId: 'js-1', maxInFlightRequests: 1, idempotent: true, transactionTimeout: 20000 })
  await producer.connect()
  for (let i = 0; i < 9; i++) {
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: `${i} a` }, { value: `${i} b` }] })
    await transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic: 'js-in', partitions: [{ partition: 0, offset: `${i + 1}` }] }] })
    await (i % 3 === 2 ? transaction.abort() : transaction.commit())
  }
  await producer.disconnect()
  const texts = found => found.map(m => m.value.toString())
  const all = [...Array(9).keys()].flatMap(i => [`${i} a`, `${i} b`])
  assert.deepEqual(texts(await read(topic, 12)), all.filter(t => t[0] % 3 !== 2))
  assert.deepEqual(texts(await read(topic, 18, { readUncommitted: true })), all)
  assert.equal((await admin.fetchOffsets({ groupId, topics: ['js-in'] }))[0].partitions[0].offset, '8')
  ok('transactions with aborts, read both ways, offsets within')
}

async function main() {
  const admin = kafka.admin()
  await admin.connect()
  await topics(admin)
  await codecs(admin)
  await groups(admin)
  await transactions(admin)
  await admin.deleteTopics({ topics: ['js'] })
  assert(!(await admin.listTopics()).includes('js'))
  await admin.disconnect()
  console.log('done')
}

main().then(() => process.exit(0), e => { console.error(e); process.exit(1) })
