/* What each verb prints for people, to the letter: at 100 columns, at 10:41 in Shanghai, without a terminal. In the
 * answers single quotes stand for double ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "warroom/command/fake_fixture.h"

static const char status[] =
    "{'ok':true,'data':{'version':'0.1.0','now':'2026-11-23T02:41:00.000Z',"
    "'started':'2026-11-23T00:31:00.000Z','listen':'127.0.0.1:9740','hosts':{'total':12,"
    "'reporting':11,'silent':1,'keys':{'none':0,'invited':1,'joined':9,'revoked':2,'retired':0},'cloned':1},'events':[{"
    "'id':3,'name':'launch','tenant':'acme',"
    "'zone':'Asia/Shanghai','start':'2026-11-22T16:00:00.000Z','end':'2026-11-23T16:00:00.000Z',"
    "'start_local':'2026-11-23 00:00 CST','end_local':'2026-11-24 00:00 CST','hosts':'web-*,db-1',"
    "'hosts_in_scope':12,'state':'live','created':'2026-11-20T08:00:00.000Z',"
    "'started':'2026-11-22T15:50:00.000Z','closed':null,'by':'li'}],'incidents':{'open':2,"
    "'unacknowledged':1},'alerts':{'firing':3,'pending':1,'unknown':0,'silenced':2},'pages':{'queued':0,"
    "'delivered':4,'failed':0},'store':{'samples':12345678,'ticks':123456,'bytes':25432100,'commit_ms':{'groups':512,'"
    "p50':1.2,"
    "'p99':41.5,'max':90.1},'faults':["
    "'tenant 2: disk full']},'uplink':{'connections':12,'reports':4321,'refused':{'unknown-host':3,"
    "'malformed':0},'unopened_handshakes':7,'unopened_messages':2}}}";

static const char hosts[] =
    "{'ok':true,'data':{'hosts':[{'id':'1f2e3d4c5b6a7988','name':'web-1','tenant':'acme',"
    "'group':'web','enrolled':'2026-11-20T08:00:00.000Z','state':'reporting',"
    "'last_tick':'2026-11-23T02:40:59.000Z','interval_s':1,'agent':'0.1.0','limits':{"
    "'egress':12500000,'ingress':null,'connections':null,'new_connections':null},'cpu':0.973,"
    "'memory':0.412,'alerts':1,'events':['launch']},{'id':'0a0b0c0d0e0f0102',"
    "'name':'数据库-主-一号-with-a-very-long-name-indeed','tenant':'a-customer-with-a-long-name',"
    "'group':'db','enrolled':'2026-11-20T08:00:00.000Z','state':'silent',"
    "'last_tick':'2026-11-23T02:36:55.000Z','interval_s':1,'agent':'0.1.0','limits':{},'cpu':0.05,"
    "'memory':0.9,'alerts':0,'events':['launch','sale']},{'id':'00000000000000ff','name':'new-1',"
    "'tenant':'acme','group':'new-1','enrolled':'2026-11-23T02:40:00.000Z','state':'never',"
    "'last_tick':null,'interval_s':null,'agent':null,'limits':{},'cpu':null,'memory':null,'alerts':0,"
    "'events':[]}]}}";

static const char host[] =
    "{'ok':true,'data':{'host':{'id':'1f2e3d4c5b6a7988','name':'web-1','tenant':'acme','group':'web',"
    "'labels':{'role':'web','site':'sh'},'enrolled':'2026-11-20T08:00:00.000Z','state':'reporting',"
    "'last_tick':'2026-11-23T02:40:59.000Z','interval_s':1,'agent':'0.1.0','limits':{"
    "'egress':12500000,'ingress':null,'connections':null,'new_connections':null},'cpu':0.973,"
    "'memory':0.412,'alerts':1,'events':['launch']}}}";

static const char tenant[] =
    "{'ok':true,'data':{'tenant':{'id':1,'name':'acme','created':'2026-11-20T08:00:00.000Z'}}}";

static const char tenants[] =
    "{'ok':true,'data':{'tenants':[{'id':1,'name':'acme','created':'2026-11-20T08:00:00.000Z'}]}}";

static const char events[] =
    "{'ok':true,'data':{'events':[{'id':3,'name':'launch','tenant':'acme','zone':'Asia/Shanghai',"
    "'start':'2026-11-22T16:00:00.000Z','end':'2026-11-23T16:00:00.000Z',"
    "'start_local':'2026-11-23 00:00 CST','end_local':'2026-11-24 00:00 CST','hosts':'web-*,db-1',"
    "'hosts_in_scope':0,'state':'live','created':'2026-11-20T08:00:00.000Z',"
    "'started':'2026-11-22T15:50:00.000Z','closed':null,'by':'li'}]}}";

static const char event[] =
    "{'ok':true,'data':{'event':{'id':3,'name':'launch','tenant':'acme','zone':'Asia/Shanghai',"
    "'start':'2026-11-22T16:00:00.000Z','end':'2026-11-23T16:00:00.000Z',"
    "'start_local':'2026-11-23 00:00 CST','end_local':'2026-11-24 00:00 CST','hosts':'web-*,db-1',"
    "'hosts_in_scope':0,'state':'live','created':'2026-11-20T08:00:00.000Z',"
    "'started':'2026-11-22T15:50:00.000Z','closed':null,'by':'li'},'hosts':[],'incidents':[]}}";

static const char event_page[] =
    "{'ok':true,'data':{'event':{'id':3,'name':'launch','tenant':'acme','zone':'Asia/Shanghai',"
    "'start':'2026-11-22T16:00:00.000Z','end':'2026-11-23T16:00:00.000Z',"
    "'start_local':'2026-11-23 00:00 CST','end_local':'2026-11-24 00:00 CST','hosts':'web-*,db-1',"
    "'hosts_in_scope':1,'state':'live','created':'2026-11-20T08:00:00.000Z',"
    "'started':'2026-11-22T15:50:00.000Z','closed':null,'by':'li'},'heartbeat':{'able':true,'came':41,'lost':1,'in_a_"
    "row':0,'stuck':null,"
    "'last':'2026-11-23T02:40:57.000Z','took_s':1.214,'slowest_s':2.4},'hosts':[{'id':'1f2e3d4c5b6a7988',"
    "'name':'web-1','tenant':'acme','group':'web','enrolled':'2026-11-20T08:00:00.000Z',"
    "'state':'reporting','last_tick':'2026-11-23T02:40:59.000Z','interval_s':1,'agent':'0.1.0',"
    "'limits':{'egress':12500000,'ingress':null,'connections':null,'new_connections':null},"
    "'cpu':0.973,'memory':0.412,'alerts':1,'events':['launch']}],'incidents':[{'id':13,"
    "'tenant':'acme','event':'launch','group':'db',"
    "'title':'Disk utilisation above 85 % on 数据库-主-一号-with-a-long-name','state':'triggered',"
    "'severity':'critical','crossed':'2026-11-23T02:38:11.123Z',"
    "'detected':'2026-11-23T02:38:41.201Z','delivered':'2026-11-23T02:38:41.953Z',"
    "'acknowledged':null,'acknowledged_by':null,'resolved':null,'resolved_by':null,'late':false,"
    "'breached':false,'budget_s':600,'alerts':1}]}}";

static const char event_planned[] =
    "{'ok':true,'data':{'event':{'id':4,'name':'sale','tenant':'acme','zone':'Asia/Shanghai',"
    "'start':'2026-11-30T16:00:00.000Z','end':'2026-12-01T16:00:00.000Z','days':1,'drill':false,"
    "'start_local':'2026-12-01 00:00:00','end_local':'2026-12-02 00:00:00','hosts':'','labels':'role=web',"
    "'hosts_in_scope':0,'state':'checked','late_request':true,'created':'2026-11-23T01:00:00.000Z',"
    "'arming':'2026-11-23T02:40:00.000Z','arming_by':'li','armed':null,'started':null,'closed':null,'by':'li'},"
    "'gates':[{'gate':'entitlement','state':'passed','evidence':'1 of 3 days of 2026','by':'collector','reason':null},"
    "{'gate':'verdict','state':'overridden','evidence':null,'by':'li','reason':'measured by hand'},"
    "{'gate':'hosts','state':'failed','evidence':'4 of 5 report and confirm 1 s; not yet web-3','by':'collector',"
    "'reason':null}],"
    "'document':{'patrol_s':300.0,'tiers':[{'hosts':'db-*','tier':'core'}],'demand':[{'hosts':'web-*','metric':"
    "'system.network.io.rate{direction=transmit}','times':3,'value':null}],'limits':[{'hosts':'web-*',"
    "'egress':125000000}],'contacts':['ops','lead'],'escalation':[{'after_s':180,'contacts':'lead'}],"
    "'runbooks':[{'title':'Failover','url':'https://wiki.example/failover'}],'notes':'Call the shop first.\\nThen "
    "li.'},"
    "'history':[{'n':7,'at':'2026-11-23T01:10:00.000Z','kind':'event','actor':'li','body':{'what':'stepped',"
    "'to':'requested','verb':'request','late_request':true,'reason':'','late_s':0,'lead':'asked on 2026-11-23 for "
    "2026-12-01: less than 10 working days ahead'}},{'n':8,"
    "'at':'2026-11-23T02:00:00.000Z','kind':'event','actor':'chen','body':{'what':'stepped','to':'accepted',"
    "'verb':'accept','late_request':true,'reason':'the launch was moved','late_s':0}},{'n':9,"
    "'at':'2026-11-23T02:10:00.000Z','kind':'gate','actor':'li','body':{'gate':'verdict','state':'overridden',"
    "'reason':'measured by hand'}},{'n':10,'at':'2026-11-23T02:40:00.000Z','kind':'event','actor':'li',"
    "'body':{'what':'arming','to':'checked','verb':'arm','reason':''}},{'n':11,'at':'2026-11-23T02:40:01.000Z','kind':'"
    "document',"
    "'actor':'li','body':{'changed':['hosts','notes'],'reason':'web-4 is "
    "new'}},{'n':12,'at':'2026-11-23T02:40:02.000Z',"
    "'kind':'handover','actor':'li','body':{'note':'Watch web-3.'}}],'hosts':[],'incidents':[]}}";

static const char incidents[] =
    "{'ok':true,'data':{'incidents':[{'id':13,'tenant':'acme','event':'launch','group':'db',"
    "'title':'Disk utilisation above 85 % on 数据库-主-一号-with-a-long-name','state':'triggered',"
    "'severity':'critical','crossed':'2026-11-23T02:38:11.123Z',"
    "'detected':'2026-11-23T02:38:41.201Z','delivered':'2026-11-23T02:38:41.953Z',"
    "'acknowledged':null,'acknowledged_by':null,'resolved':null,'resolved_by':null,'late':false,"
    "'breached':false,'budget_s':600,'alerts':1},{'id':12,'tenant':'acme','event':'launch',"
    "'group':'web','title':'CPU utilisation above 90 % on web-1','state':'acknowledged',"
    "'severity':'critical','crossed':'2026-11-23T02:35:11.123Z',"
    "'detected':'2026-11-23T02:35:41.201Z','delivered':'2026-11-23T02:35:41.953Z',"
    "'acknowledged':'2026-11-23T02:37:00.123Z','acknowledged_by':'li','resolved':null,'late':false,"
    "'breached':false,'budget_s':600,'alerts':1},{'id':7,'tenant':'acme','event':null,'group':'web',"
    "'title':'Host is silent','state':'resolved','severity':'warning',"
    "'crossed':'2026-11-21T02:35:11.123Z','detected':'2026-11-21T02:35:41.201Z','delivered':null,"
    "'acknowledged':null,'resolved':'2026-11-21T03:00:00.000Z','late':false,'breached':true,"
    "'budget_s':600,'alerts':1}]}}";

static const char incident_page[] =
    "{'ok':true,'data':{'incident':{'id':12,'tenant':'acme','event':'launch','group':'web',"
    "'title':'CPU utilisation above 90 % on web-1','state':'acknowledged','severity':'critical',"
    "'crossed':'2026-11-23T02:35:11.123Z','detected':'2026-11-23T02:35:41.201Z',"
    "'delivered':'2026-11-23T02:35:41.953Z','acknowledged':'2026-11-23T02:37:00.123Z',"
    "'acknowledged_by':'li','resolved':null,'resolved_by':null,'late':false,'breached':false,"
    "'budget_s':600,'to_delivered_s':30.83,'to_acknowledged_s':109.0,'alerts':2},'alerts':[{"
    "'host':'web-1','rule':'cpu','summary':'CPU utilisation above 90 %','severity':'critical',"
    "'metric':'system.cpu.utilization','instance':'','series':'system.cpu.utilization','unit':'1',"
    "'state':'firing','crossed':'2026-11-23T02:35:11.123Z','changed':'2026-11-23T02:35:41.123Z',"
    "'value':0.973,'threshold':0.9},{'host':'web-2','rule':'egress',"
    "'summary':'Egress bandwidth above 80 % of what is declared','severity':'warning',"
    "'metric':'system.network.io.rate{direction=transmit}','instance':'eth0',"
    "'series':'system.network.io.rate{device=eth0,direction=transmit}','unit':'By/s','state':'ok',"
    "'crossed':null,'changed':'2026-11-23T02:39:41.123Z','value':9100000,'threshold':10000000}],"
    "'pages':[{'id':31,'kind':'trigger','contact':'war-room','channel':'war-room','key':'12-trigger-1-war-room',"
    "'state':'delivered','attempts':1,'created':'2026-11-23T02:35:41.201Z','next':null,"
    "'delivered':'2026-11-23T02:35:41.953Z','status':200,'possible_copy':false,'error':null},{"
    "'id':32,'kind':'trigger','contact':'duty-manager','channel':'robot','class':'spill','text':'mail is "
    "down','key':'12-trigger-1-duty-manager',"
    "'state':'queued','attempts':3,'created':'2026-11-23T02:35:41.201Z',"
    "'next':'2026-11-23T02:41:04.000Z','delivered':null,'status':503,'possible_copy':true,"
    "'error':'HTTP 503'}]}}";

static const char incident[] =
    "{'ok':true,'data':{'incident':{'id':12,'tenant':'acme','event':'launch','group':'web',"
    "'title':'CPU utilisation above 90 % on web-1','state':'acknowledged','severity':'critical',"
    "'crossed':'2026-11-23T02:35:11.123Z','detected':'2026-11-23T02:35:41.201Z',"
    "'delivered':'2026-11-23T02:35:41.953Z','acknowledged':'2026-11-23T02:37:00.123Z',"
    "'acknowledged_by':'li','resolved':null,'resolved_by':null,'late':false,'breached':false,"
    "'budget_s':600,'to_delivered_s':30.83,'to_acknowledged_s':109.0,'alerts':2}}}";

static const char query[] =
    "{'ok':true,'data':{'metric':'system.network.io.rate{direction=transmit}','unit':'By/s',"
    "'from':'2026-11-23T01:41:00.000Z','to':'2026-11-23T02:41:00.000Z','truncated':false,'series':[{"
    "'instance':'eth0','points':[['2026-11-23T02:38:00.000Z',1200.5,98000,1250000,60],["
    "'2026-11-23T02:39:00.000Z',0,12500000,25000000,60],['2026-11-23T02:40:00.000Z',null,null,null,0]"
    "]},{'instance':'eth1','points':[['2026-11-23T02:38:00.000Z',1,2,3,60]]}]}}";

static const char query_quantiles[] =
    "{'ok':true,'data':{'metric':'system.cpu.utilization','unit':'1','from':'2026-11-23T01:41:00.000Z',"
    "'to':'2026-11-23T02:41:00.000Z','step_s':60,'minutes':true,'truncated':false,'series':[{'instance':'',"
    "'points':[['2026-11-23T02:38:00.000Z',0.1,0.2,0.91,60,0.8,0.9],['2026-11-23T02:39:00.000Z',0.1,0.2,0.9,60,"
    "null,null]]}]}}";

static const char latest[] =
    "{'ok':true,'data':{'values':[{'host':'web-1','metric':'system.cpu.utilization','instance':'','unit':'1',"
    "'at':'2026-11-23T02:40:59.000Z','value':0.973},{'host':'web-1','metric':"
    "'system.network.io.rate{direction=transmit}','instance':'eth0','unit':'By/s','at':'2026-11-23T02:40:59.000Z',"
    "'value':12500000}]}}";

static const char latest_wide[] =
    "{'ok':true,'data':{'values':[{'host':'database-primary-of-shanghai','metric':"
    "'system.pressure.stall.utilization{level=some,resource=memory}','instance':'','unit':'1',"
    "'at':'2026-11-23T02:40:59.000Z','value':0.973},{'host':'web-1','metric':"
    "'system.network.io.rate{direction=transmit}','instance':'enp4s0f1np1','unit':'By/s',"
    "'at':'2026-11-23T02:40:59.000Z','value':12500000}]}}";

static const char quantiles[] =
    "{'ok':true,'data':{'from':'2026-10-24T00:00:00.000Z','to':'2026-11-23T02:41:00.000Z','whole_days':true,"
    "'quantiles':[{'host':'web-1','metric':'system.cpu.utilization','instance':'','unit':'1','count':2592000,"
    "'min':0.01,'p50':0.2,'p90':0.6,'p95':0.75,'p99':0.97,'max':1}]}}";

static const char top[] =
    "{'ok':true,'data':{'metric':'system.disk.io.rate{direction=read}','by':'p95','unit':'By/s',"
    "'from':'2026-11-23T01:41:00.000Z','to':'2026-11-23T02:41:00.000Z','top':[{'host':{'id':'1f2e3d4c5b6a7988',"
    "'name':'db-1','tenant':'acme'},'instance':'vda','value':98000000}]}}";

static const char coverage[] =
    "{'ok':true,'data':{'event':'launch','from':'2026-11-22T16:00:00.000Z','to':'2026-11-23T02:41:00.000Z','coverage':["
    "{"
    "'host':{'id':'1f2e3d4c5b6a7988','name':'web-1','tenant':'acme'},'covered_s':38459.5,'share':0.9999869,"
    "'longest_gap_s':0.5,'gaps_total':1,'minutes':false,'gaps':[{'from':'2026-11-23T02:30:00.000Z',"
    "'to':'2026-11-23T02:30:00.500Z','gap_s':0.5,'cause':'link-down'}]},{'host':{'id':'0a0b0c0d0e0f0102',"
    "'name':'web-2','tenant':'acme'},'covered_s':38460,'share':1,'longest_gap_s':0,'gaps_total':0,'minutes':true,"
    "'gaps':[]},{'host':{'id':'0a0b0c0d0e0f0103','name':'web-3','tenant':'acme'},'error':'too much is known of this "
    "host'}]}}";

static void the_status_is_one_screen(void **state)
{
    prints(*state, "warroom status", status,
           "collector   0.1.0   listening on 127.0.0.1:9740   started 2h 10m ago   2026-11-23 10:41:00 CST\n"
           "hosts       12 enrolled   11 reporting   1 silent\n"
           "            1 cloned: two agents report by one key (warroom hosts)\n"
           "            1 invited   2 revoked\n"
           "incidents   2 open   1 unacknowledged\n"
           "alerts      3 firing   1 pending   0 unknown   2 silenced\n"
           "pages       0 queued   4 delivered   0 failed\n"
           "store       12,345,678 samples   123,456 ticks   25.4 MB   commits p50 1.20 ms, p99 41.5 ms\n"
           "            FAULT tenant 2: disk full\n"
           "uplink      12 connections   4,321 reports\n"
           "            refused unknown-host: 3\n"
           "            unopened handshakes not made for this collector: 7\n"
           "            unopened messages not sealed by their agent: 2\n"
           "events      live now:\n"
           "  EVENT   TENANT  STATE  FROM                  TO                    HOSTS  SELECTOR\n"
           "  launch  acme    live   2026-11-23 00:00 CST  2026-11-24 00:00 CST     12  web-*,db-1\n");
}

static void hosts_are_a_table_whose_long_names_give_way(void **state)
{
    prints(*state, "warroom hosts", hosts,
           "HOST        TENANT      STATE       LAST TICK     CPU  MEMORY  ALERTS  EVENTS       ID\n"
           "web-1       acme        reporting      1s ago  97.3 %  41.2 %       1  launch       1f2e3d4c5b6a7988\n"
           "数据库-主…  a-custome…  silent     4m 05s ago   5.0 %  90.0 %       0  launch,sale  0a0b0c0d0e0f0102\n"
           "new-1       acme        never               -       -       -       0  -            00000000000000ff\n"
           "3 hosts: 1 reporting, 1 never, 1 silent\n");
}

static void setting_shows_the_host(void **state)
{
    prints(*state, "warroom host set web-1 --egress 100Mbit", host,
           "web-1  id 1f2e3d4c5b6a7988, tenant acme, group web\n"
           "labels: role=web, site=sh\n"
           "limits: egress 12.5 MB/s\n");
}

static void adding_a_tenant_says_its_number(void **state)
{
    prints(*state, "warroom tenant add acme", tenant, "tenant acme is number 1\n");
}

static void tenants_are_a_table(void **state)
{
    prints(*state, "warroom tenant list", tenants,
           "ID  TENANT  SINCE\n"
           " 1  acme    2026-11-20 16:00:00 CST\n");
}

static void events_are_a_table(void **state)
{
    prints(*state, "warroom event list", events,
           "EVENT   TENANT  STATE  FROM                  TO                    HOSTS  SELECTOR\n"
           "launch  acme    live   2026-11-23 00:00 CST  2026-11-24 00:00 CST      0  web-*,db-1\n");
}

static void an_event_is_shown_with_hosts_and_incidents(void **state)
{
    prints(*state, "warroom event show launch", event_page,
           "Event launch of acme: live, by li\n"
           "  window    2026-11-23 00:00 CST to 2026-11-24 00:00 CST (Asia/Shanghai): opened 10h 41m ago, ends in 13h "
           "19m\n"
           "  hosts     1 in scope of \"web-*,db-1\"\n"
           "  started   2026-11-22 23:50:00 CST, 10h 51m ago\n"
           "  heartbeat 41 came through, the last 3s ago within 1.2 s, the slowest within 2.4 s, 1 lost\n"
           "\n"
           "Hosts (1)\n"
           "  HOST   TENANT  STATE      LAST TICK     CPU  MEMORY  ALERTS  EVENTS  ID\n"
           "  web-1  acme    reporting     1s ago  97.3 %  41.2 %       1  launch  1f2e3d4c5b6a7988\n"
           "\n"
           "Incidents (1)\n"
           "  ID  SEVERITY  STATE      INCIDENT                  EVENT   CROSSED   DELIVERED  ACKED  BUDGET\n"
           "  13  critical  triggered  Disk utilis…-a-long-name  launch  10:38:11        30s      -  7m 11s left\n");
}

static void heartbeats_that_are_lost_are_shown_with_what_they_got_stuck_at(void **state)
{
    prints(*state, "warroom event show launch",
           "{'ok':true,'data':{'event':{'name':'launch','tenant':'acme','state':'live','by':'li','hosts':'web-1',"
           "'hosts_in_scope':1},'heartbeat':{'able':false,'came':0,'lost':2,'in_a_row':2,"
           "'stuck':'its page is not on disk','last':null,'took_s':null,'slowest_s':null},'hosts':[],'incidents':[]}}",
           "Event launch of acme: live, by li\n"
           "  window    - to - (-)\n"
           "  hosts     1 in scope of \"web-1\"\n"
           "  heartbeat 0 came through, 2 lost: its page is not on disk; no host can be asked for one\n"
           "\n"
           "Hosts (0)\n"
           "\n"
           "Incidents (0)\n");
}

static void an_event_is_a_page_to_be_read_aloud(void **state)
{
    prints(*state, "warroom event show sale", event_planned,
           "Event sale of acme: checked, by li, requested late; arming for li since 1m 00s ago\n"
           "  window    2026-12-01 00:00:00 to 2026-12-02 00:00:00 (Asia/Shanghai): opens in 7d 13h\n"
           "  hosts     0 in scope of label role=web\n"
           "  warning: no host is in scope; nothing will be watched for it\n"
           "\n"
           "Gates\n"
           "  GATE         STATE       BY         EVIDENCE\n"
           "  entitlement  passed      collector  1 of 3 days of 2026\n"
           "  verdict      overridden  li         because: measured by hand\n"
           "  hosts        failed      collector  4 of 5 report and confirm 1 s; not yet web-3\n"
           "\n"
           "Patrol\n"
           "  a round each 5m while it is live\n"
           "\n"
           "Tiers\n"
           "  db-*: core\n"
           "\n"
           "Expected demand\n"
           "  web-*: system.network.io.rate{direction=transmit} 3 times what it is\n"
           "\n"
           "Declared limits while it is armed and live\n"
           "  web-*: egress 125 MB/s\n"
           "\n"
           "Contacts\n"
           "  ops, lead\n"
           "\n"
           "Escalation\n"
           "  after 3m: lead\n"
           "\n"
           "Run-books\n"
           "  Failover: https://wiki.example/failover\n"
           "\n"
           "Notes\n"
           "  Call the shop first.\n"
           "  Then li.\n"
           "\n"
           "On record\n"
           "  2026-11-23 09:10:00 CST  requested, by li, late: asked on 2026-11-23 for 2026-12-01: less than 10 "
           "working days ahead\n"
           "  2026-11-23 10:00:00 CST  accepted, by chen: the launch was moved\n"
           "  2026-11-23 10:10:00 CST  gate verdict overridden, by li: measured by hand\n"
           "  2026-11-23 10:40:00 CST  li asked for it to be armed\n"
           "  2026-11-23 10:40:01 CST  document, by li: hosts, notes: web-4 is new\n"
           "  2026-11-23 10:40:02 CST  handover, by li: Watch web-3.\n"
           "\n"
           "Hosts (0)\n"
           "\n"
           "Incidents (0)\n");
}

static void what_is_set_about_silences_and_notices_is_a_line_each(void **state)
{
    prints(*state, "warroom silence end 4",
           "{'ok':true,'data':{'silence':{'id':4,'hosts':'db-*','rule':'*','to':'2026-11-23T03:00:00.000Z',"
           "'ended':'2026-11-23T02:40:00.000Z'}}}",
           "silence 4 over db-*, rule *: ended at 10:40:00\n");
    prints(*state, "warroom notice answer 1 --reason moved",
           "{'ok':true,'data':{'notice':{'id':1,'kind':'change','hosts':'web-1','title':'switch firmware',"
           "'answered_by':'li'}}}",
           "notice 1, change over web-1: switch firmware; answered by li\n");
    prints(*state,
           "warroom notice add --kind change --hosts web-1 --from 2026-11-24T00:00:00Z --to 2026-11-24T01:00:00Z"
           " --title firmware --impact none",
           "{'ok':true,'data':{'notice':{'id':2,'kind':'change','hosts':'web-1','title':'firmware',"
           "'answered_by':null},'against':['sale','launch']}}",
           "notice 2, change over web-1: firmware; to be answered, it stands against sale, launch\n");
}

static void an_event_without_hosts_is_warned_of(void **state)
{
    prints(*state, "warroom event start launch", event,
           "Event launch of acme: live, by li\n"
           "  window    2026-11-23 00:00 CST to 2026-11-24 00:00 CST (Asia/Shanghai): opened 10h 41m ago, ends in 13h "
           "19m\n"
           "  hosts     0 in scope of \"web-*,db-1\"\n"
           "  warning: no host is in scope; nothing will be watched for it\n"
           "  started   2026-11-22 23:50:00 CST, 10h 51m ago\n");
}

static void an_event_that_was_cancelled_was_not_closed(void **state)
{
    prints(*state, "warroom event cancel launch",
           "{'ok':true,'data':{'event':{'id':3,'name':'launch','tenant':'acme','zone':'Asia/Shanghai',"
           "'start':'2026-11-22T16:00:00.000Z','end':'2026-11-23T16:00:00.000Z',"
           "'start_local':'2026-11-23 00:00 CST','end_local':'2026-11-24 00:00 CST','hosts':'web-*,db-1',"
           "'hosts_in_scope':1,'state':'cancelled','created':'2026-11-20T08:00:00.000Z','started':null,"
           "'closed':'2026-11-22T15:50:00.000Z','by':'li'},'hosts':[],'incidents':[]}}",
           "Event launch of acme: cancelled, by li\n"
           "  window    2026-11-23 00:00 CST to 2026-11-24 00:00 CST (Asia/Shanghai): opened 10h 41m ago, ends in 13h "
           "19m\n"
           "  hosts     1 in scope of \"web-*,db-1\"\n"
           "  cancelled 2026-11-22 23:50:00 CST, 10h 51m ago\n");
}

static void incidents_are_a_table_with_their_budget(void **state)
{
    prints(*state, "warroom incident list", incidents,
           "ID  SEVERITY  STATE         INCIDENT             EVENT   CROSSED      DELIVERED   ACKED  BUDGET\n"
           "13  critical  triggered     Disk util…long-name  launch  10:38:11           30s       -  7m 11s left\n"
           "12  critical  acknowledged  CPU utili… on web-1  launch  10:35:11           30s  1m 49s  kept\n"
           " 7  warning   resolved      Host is silent       -       11-21 10:35          -       -  BREACHED\n");
}

static void an_incident_that_comes_and_goes_says_when_people_are_told(void **state)
{
    prints(*state, "warroom incident show 12",
           "{'ok':true,'data':{'incident':{'id':12,'tenant':'acme','event':'launch','group':'web',"
           "'title':'CPU utilisation above 90 % on web-1','state':'triggered','severity':'warning',"
           "'crossed':'2026-11-23T02:40:11.123Z','detected':'2026-11-23T02:40:11.201Z','delivered':null,"
           "'acknowledged':null,'acknowledged_by':null,'resolved':null,'resolved_by':null,'late':false,"
           "'breached':false,'returns':3,'held_until':'2026-11-23T02:45:11.123Z','budget_s':600,'alerts':1}}}",
           "Incident 12: CPU utilisation above 90 % on web-1\n"
           "warning, triggered; tenant acme, event launch, group web\n"
           "it comes and goes, and has come back 3 times: people are told at 2026-11-23 10:45:11 CST if it stays\n"
           "\n"
           "  crossed       2026-11-23 10:40:11 CST\n"
           "  detected      2026-11-23 10:40:11 CST   0.08 s after crossing, 0.0 % of the 600 s budget\n"
           "  delivered     not yet\n"
           "  acknowledged  not yet\n"
           "  resolved      not yet\n"
           "  budget        9m 11s left\n\nAlerts (0)\n\nPages (0)\n");
}

static void an_incident_reads_like_a_page(void **state)
{
    prints(*state, "warroom incident show 12", incident_page,
           "Incident 12: CPU utilisation above 90 % on web-1\n"
           "critical, acknowledged; tenant acme, event launch, group web\n"
           "\n"
           "  crossed       2026-11-23 10:35:11 CST\n"
           "  detected      2026-11-23 10:35:41 CST   30.08 s after crossing, 5.0 % of the 600 s budget\n"
           "  delivered     2026-11-23 10:35:41 CST   30.83 s after crossing, 5.1 % of the 600 s budget\n"
           "  acknowledged  2026-11-23 10:37:00 CST   109.00 s after crossing, 18.2 % of the 600 s budget, by li\n"
           "  resolved      not yet\n"
           "  budget        kept\n"
           "\n"
           "Alerts (2)\n"
           "  HOST   ALERT                     SERIES                     STATE       VALUE  THRESHOLD  CROSSED\n"
           "  web-1  CPU utilisation above 9…  system.cpu.utilization     firing     97.3 %     90.0 %  10:35:11\n"
           "  web-2  Egress bandwidth above …  system.network.io.rate{d…  ok      9.10 MB/s  10.0 MB/s  -\n"
           "\n"
           "Pages (2)\n"
           "  KIND     CONTACT       CHANNEL   STATE      TRIES  FATE\n"
           "  trigger  war-room      war-room  delivered      1  taken at 10:35:41 with status 200\n"
           "  trigger  duty-manager  robot     queued         3  next try in 4s; HTTP 503; because mail is down…\n");
}

static void the_ledger_is_a_table_of_who_did_what(void **state)
{
    prints(*state, "warroom ledger list --kind incident",
           "{'ok':true,'data':{'entries':[{'n':12,'at':'2026-11-23T02:31:00.000Z','kind':'incident','event':'launch',"
           "'incident':7,'by':'li','body':{'what':'acknowledged','severity':'critical','title':'CPU above 90 % on "
           "web-1','late':true,"
           "'breached':false,'clock':1,'crossed_us':1795400000000000},'hash':'00'},{'n':3,"
           "'at':'2026-11-23T02:30:00.000Z','kind':'round','event':null,'incident':null,'by':'clock','body':{"
           "'k':3,'phase':'live','state':'kept','findings':[{},{}]},'hash':'00'}]}}",
           " N  AT        KIND      EVENT   INCIDENT  BY     SAYS\n"
           "12  10:31:00  incident  launch         7  li     acknowledged, critical: CPU above 90 % on web-1; f…\n"
           " 3  10:30:00  round     -              -  clock  round 3 (live) kept; 2 findings\n");
}

static void acknowledging_says_so_in_a_line(void **state)
{
    prints(*state, "warroom incident ack 12", incident,
           "incident 12 is acknowledged: CPU utilisation above 90 % on web-1\n");
}

static void a_query_is_a_table_a_series(void **state)
{
    prints(*state, "warroom query web-1 system.network.io.rate{direction=transmit}", query,
           "system.network.io.rate{direction=transmit}  eth0\n"
           "  TIME            MIN       MEAN        MAX\n"
           "  10:38:00  1.20 kB/s  98.0 kB/s  1.25 MB/s\n"
           "  10:39:00      0 B/s  12.5 MB/s  25.0 MB/s\n"
           "  10:40:00          -          -          -\n"
           "\n"
           "system.network.io.rate{direction=transmit}  eth1\n"
           "  TIME        MIN   MEAN    MAX\n"
           "  10:38:00  1 B/s  2 B/s  3 B/s\n");
}

static void an_empty_list_says_what_to_do(void **state)
{
    prints(*state, "warroom hosts", "{'ok':true,'data':{'hosts':[]}}",
           "no hosts yet: warroom host enroll NAME --tenant TENANT\n");
}

static void colour_goes_round_words_that_stand_there_anyway(void **state)
{
    struct fake *fake = *state;
    fake_terminal(fake, true);
    prints(fake, "warroom incident ack 12", incident,
           "incident 12 is \x1b[33macknowledged\x1b[0m: CPU utilisation above 90 % on web-1\n");
}

static void control_characters_from_a_host_never_reach_the_terminal(void **state)
{
    prints(*state, "warroom tenant add x",
           "{'ok':true,'data':{'tenant':{'id':1,'name':'\\u001b[2Jevil\\u202e\\u009b'}}}",
           "tenant ?[2Jevil?? is number 1\n");
}

static void what_is_missing_is_a_dash(void **state)
{
    prints(*state, "warroom incident show 12",
           "{'ok':true,'data':{'incident':{'id':'x','crossed':7,'budget_s':'y'},"
           "'alerts':[{},3,null],'pages':{'no':'list'}}}",
           "Incident 0: -\n"
           "-, -; tenant -, event -, group -\n"
           "\n"
           "  crossed       not yet\n"
           "  detected      not yet\n"
           "  delivered     not yet\n"
           "  acknowledged  not yet\n"
           "  resolved      not yet\n"
           "  budget        -\n"
           "\n"
           "Alerts (3)\n"
           "  HOST  ALERT  SERIES  STATE  VALUE  THRESHOLD  CROSSED\n"
           "  -     -      -       -          -          -  -\n"
           "  -     -      -       -          -          -  -\n"
           "  -     -      -       -          -          -  -\n"
           "\n"
           "Pages (0)\n");
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, fake_setup, fake_teardown)

static void a_query_shows_quantiles_that_were_asked_for(void **state)
{
    prints(*state, "warroom query web-1 system.cpu.utilization --quantiles", query_quantiles,
           "system.cpu.utilization\n"
           "  TIME         MIN    MEAN     MAX     P95     P99\n"
           "  10:38:00  10.0 %  20.0 %  91.0 %  80.0 %  90.0 %\n"
           "  10:39:00  10.0 %  20.0 %  90.0 %       -       -\n");
}

static void latest_values_are_a_table(void **state)
{
    prints(*state, "warroom query latest", latest,
           "HOST   METRIC                                      INSTANCE      VALUE     AGE\n"
           "web-1  system.cpu.utilization                      -            97.3 %  1s ago\n"
           "web-1  system.network.io.rate{direction=transmit}  eth0      12.5 MB/s  1s ago\n");
}

static void a_table_too_wide_gives_up_the_middle_of_its_metrics(void **state)
{
    prints(
        *state, "warroom query latest", latest_wide,
        "HOST                          METRIC                                            INSTANCE      VALUE     AGE\n"
        "database-primary-of-shanghai  system.pressure.stall.u…el=some,resource=memory}  -            97.3 %  1s ago\n"
        "web-1                         system.network.io.rate{direction=transmit}        enp4s0f…  12.5 MB/s  1s "
        "ago\n");
}

static void quantiles_say_when_whole_days_stand_for_parts(void **state)
{
    prints(*state, "warroom query quantiles system.cpu.utilization --from -30d", quantiles,
           "2026-10-24 08:00:00 CST to 2026-11-23 10:41:00 CST\n"
           "\n"
           "system.cpu.utilization\n"
           "  HOST   INSTANCE     P50     P95     P99      MAX\n"
           "  web-1  -         20.0 %  75.0 %  97.0 %  100.0 %\n"
           "\n"
           "Samples of the first or last day are gone: whole days (UTC) stand for them.\n");
}

#define SPREAD(host, metric, instance)                                                                                 \
    "{'host':'a-host-with-quite-a-long-name-" host "','metric':'system." metric "','instance':'" instance              \
    "','unit':'By/s','count':1,'min':1,'p50':98000000,'p90':98000000,'p95':98000000,'p99':98000000,'max':98000000}"

static const char long_names[] =
    "{'ok':true,'data':{'quantiles':[" SPREAD("1", "a.rate{direction=read}", "/a/place/of/some/length/one") "," SPREAD(
        "1", "a.rate{direction=read}",
        "/a/place/of/some/length/two") "," SPREAD("1", "a.rate{direction=write}",
                                                  "vda") "," SPREAD("2", "a.rate{direction=read}",
                                                                    "/a/place/of/some/length/one") "]}}";

static void two_series_never_look_the_same(void **state)
{
    prints(
        *state, "warroom query quantiles system.*", long_names,
        "\n"
        "system.a.rate{direction=read}\n"
        "  HOST                             INSTANCE                           P50        P95        P99        MAX\n"
        "  a-host-with-quite-a-long-name-1  /a/place/of/some/length/one  98.0 MB/s  98.0 MB/s  98.0 MB/s  98.0 MB/s\n"
        "  a-host-with-quite-a-long-name-1  /a/place/of/some/length/two  98.0 MB/s  98.0 MB/s  98.0 MB/s  98.0 MB/s\n"
        "  a-host-with-quite-a-long-name-2  /a/place/of/some/length/one  98.0 MB/s  98.0 MB/s  98.0 MB/s  98.0 MB/s\n"
        "\n"
        "system.a.rate{direction=write}\n"
        "  HOST                             INSTANCE        P50        P95        P99        MAX\n"
        "  a-host-with-quite-a-long-name-1  vda       98.0 MB/s  98.0 MB/s  98.0 MB/s  98.0 MB/s\n");
}

static void the_highest_are_headed_by_their_order(void **state)
{
    prints(*state, "warroom query top system.disk.io.rate{direction=read} --by p95", top,
           "2026-11-23 09:41:00 CST to 2026-11-23 10:41:00 CST\n"
           "HOST  TENANT  INSTANCE        P95\n"
           "db-1  acme    vda       98.0 MB/s\n");
}

static void coverage_is_a_line_a_host_and_the_gaps_below(void **state)
{
    prints(*state, "warroom coverage launch", coverage,
           "launch  2026-11-23 00:00:00 CST to 2026-11-23 10:41:00 CST\n"
           "\n"
           "HOST     COVERED      FOR  GAPS  LONGEST GAP  RESOLUTION\n"
           "web-1   99.998 %  10h 40m     1        0.50s  second\n"
           "web-2  100.000 %  10h 41m     0            -  minute\n"
           "web-3          -        -     0            -  too much is known of this host\n"
           "\n"
           "web-1\n"
           "  FROM      TO        MISSING  CAUSE\n"
           "  10:30:00  10:30:00    0.50s  link-down\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(the_status_is_one_screen),
        WITH(hosts_are_a_table_whose_long_names_give_way),
        WITH(setting_shows_the_host),
        WITH(adding_a_tenant_says_its_number),
        WITH(tenants_are_a_table),
        WITH(events_are_a_table),
        WITH(an_event_is_shown_with_hosts_and_incidents),
        WITH(heartbeats_that_are_lost_are_shown_with_what_they_got_stuck_at),
        WITH(an_event_is_a_page_to_be_read_aloud),
        WITH(what_is_set_about_silences_and_notices_is_a_line_each),
        WITH(an_event_without_hosts_is_warned_of),
        WITH(an_event_that_was_cancelled_was_not_closed),
        WITH(incidents_are_a_table_with_their_budget),
        WITH(the_ledger_is_a_table_of_who_did_what),
        WITH(an_incident_reads_like_a_page),
        WITH(an_incident_that_comes_and_goes_says_when_people_are_told),
        WITH(acknowledging_says_so_in_a_line),
        WITH(a_query_is_a_table_a_series),
        WITH(a_query_shows_quantiles_that_were_asked_for),
        WITH(latest_values_are_a_table),
        WITH(a_table_too_wide_gives_up_the_middle_of_its_metrics),
        WITH(quantiles_say_when_whole_days_stand_for_parts),
        WITH(two_series_never_look_the_same),
        WITH(the_highest_are_headed_by_their_order),
        WITH(coverage_is_a_line_a_host_and_the_gaps_below),
        WITH(an_empty_list_says_what_to_do),
        WITH(colour_goes_round_words_that_stand_there_anyway),
        WITH(control_characters_from_a_host_never_reach_the_terminal),
        WITH(what_is_missing_is_a_dash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
