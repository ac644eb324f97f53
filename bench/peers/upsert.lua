-- One row, written or overwritten by its key: the same statement for every system, prepared, autocommit.
-- sysbench ... upsert.lua prepare|run|cleanup
sysbench.cmdline.options = {table_size = {"How many keys there are", 10000}}

local statements = {
   mysql = "INSERT INTO kv (id, v) VALUES (?, ?) ON DUPLICATE KEY UPDATE v = VALUES(v)",
   pgsql = "INSERT INTO kv (id, v) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET v = excluded.v"
}

function prepare()
   local con = sysbench.sql.driver():connect()
   con:query("CREATE TABLE kv (id INTEGER PRIMARY KEY, v VARCHAR(100) NOT NULL)")
end

function cleanup()
   sysbench.sql.driver():connect():query("DROP TABLE IF EXISTS kv")
end

function thread_init()
   drv = sysbench.sql.driver()
   con = drv:connect()
   statement = con:prepare(statements[drv:name()])
   id = statement:bind_create(sysbench.sql.type.INT)
   v = statement:bind_create(sysbench.sql.type.CHAR, 100)
   statement:bind_param(id, v)
end

function event()
   id:set(sysbench.rand.uniform(1, sysbench.opt.table_size))
   v:set_rand_str(string.rep("@", 100))
   statement:execute()
end

function thread_done()
   statement:close()
   con:disconnect()
end
