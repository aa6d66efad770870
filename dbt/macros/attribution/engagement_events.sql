{#- What providers report of our messages, by the kind of engagement that it is. -#}
{% macro engagement_events() %}
    {{ return({
        'opened': ['Email Opened', 'WhatsApp Opened', 'In-App Message Read', 'Web Slot Shown'],
        'clicked': [
            'Email Link Clicked', 'SMS Link Clicked', 'WhatsApp Link Clicked', 'In-App Message Clicked', 'In-App Message Link Clicked',
            'Web Slot Clicked', 'Push Notification Tapped', 'Push Notification Link Clicked', 'Web Push Link Clicked'
        ],
        'unsubscribed': ['Unsubscribed', 'Unsubscribed From Topic', 'SMS Unsubscribed', 'WhatsApp Unsubscribed'],
        'complained': ['Email Marked as Spam'],
        'bounced': ['Email Bounced', 'SMS Bounced', 'WhatsApp Bounced', 'Push Notification Bounced']
    }) }}
{% endmacro %}
