{#- What a message met with, from the name of a provider's report. Mailboxes that fetch every message's images open it too:
    such opens say nothing of the person, and are told apart where the provider knows them (properties.machine_open). -#}
{% macro engagement_kind(event, properties) -%}
    case {{ event }}
        when 'Email Opened'
            then
                case
                    when coalesce(try_cast({{ properties }} ->> '$.machine_open' as boolean), false) then 'opened by machine'
                    else 'opened'
                end
        when 'WhatsApp Opened' then 'opened'
        when 'Email Link Clicked' then 'clicked'
        when 'SMS Link Clicked' then 'clicked'
        when 'WhatsApp Link Clicked' then 'clicked'
        when 'In-App Message Read' then 'opened'
        when 'In-App Message Clicked' then 'clicked'
        when 'Web Slot Shown' then 'opened'
        when 'Web Slot Clicked' then 'clicked'
        when 'Push Notification Tapped' then 'clicked'
        when 'Push Notification Link Clicked' then 'clicked'
        when 'Web Push Link Clicked' then 'clicked'
        when 'In-App Message Link Clicked' then 'clicked'
        when 'Unsubscribed' then 'unsubscribed'
        when 'Unsubscribed From Topic' then 'unsubscribed'
        when 'SMS Unsubscribed' then 'unsubscribed'
        when 'WhatsApp Unsubscribed' then 'unsubscribed'
        when 'Email Marked as Spam' then 'complained'
        when 'Email Bounced' then 'bounced'
        when 'SMS Bounced' then 'bounced'
        when 'WhatsApp Bounced' then 'bounced'
        when 'Push Notification Bounced' then 'bounced'
    end
{%- endmacro %}
